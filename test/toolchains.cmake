# Other compilers and tools: clang over the sources, clang-tidy, clang-format, and the kernels on an emulated aarch64.
# What is not installed is skipped by the names of its packages.
function(odt_skip_test name packages)
  add_test(NAME ${name} COMMAND ${CMAKE_COMMAND} -E echo "SKIPPED, needs ${packages}")
  set_tests_properties(${name} PROPERTIES SKIP_REGULAR_EXPRESSION "^SKIPPED")
endfunction()

set(examples ${PROJECT_SOURCE_DIR}/examples/minimal.cpp ${PROJECT_SOURCE_DIR}/examples/library.cpp)
set(clang_flags -std=c++20 $<$<BOOL:${ODT_ARCH}>:-march=${ODT_ARCH}> -I${PROJECT_SOURCE_DIR}/include ${xsimd})

find_program(ODT_CLANG NAMES clang++-16 clang++-17 clang++-18 clang++-19)
if(ODT_CLANG)
  set(umbrellas ${CMAKE_CURRENT_BINARY_DIR}/umbrellas.cpp)
  file(GENERATE OUTPUT ${umbrellas} CONTENT "#include <odt/cli.hpp>\n#include <odt/presets.hpp>\n#include <odt/ssd.hpp>\n")
  add_test(NAME clang_syntax COMMAND ${ODT_CLANG} -fsyntax-only -Wall -Wextra -Wshadow -Werror ${clang_flags}
                                     ${umbrellas} ${examples} COMMAND_EXPAND_LISTS)
else()
  odt_skip_test(clang_syntax clang-16)
endif()

# With ODT_HEADER_ONLY, so that one unit sees nearly all there is.
find_program(ODT_CLANG_TIDY NAMES clang-tidy-16)
if(ODT_CLANG_TIDY)
  set(definitions $<TARGET_PROPERTY:odt_header_only,INTERFACE_COMPILE_DEFINITIONS>)
  add_test(NAME clang_tidy
           COMMAND ${ODT_CLANG_TIDY} --quiet ${PROJECT_SOURCE_DIR}/examples/minimal.cpp -- ${clang_flags}
                   -D$<JOIN:${definitions},$<SEMICOLON>-D> -isystem ${ODT_STB_INCLUDE_DIR}
                   -isystem ${PROJECT_BINARY_DIR}/odt-support
           COMMAND_EXPAND_LISTS)
else()
  odt_skip_test(clang_tidy clang-tidy-16)
endif()

find_program(ODT_CLANG_FORMAT NAMES clang-format-16)
if(ODT_CLANG_FORMAT)
  set(globs "")
  foreach(folder include examples bench test)
    foreach(ending hpp ipp cpp cxx cuh cu)
      list(APPEND globs ${PROJECT_SOURCE_DIR}/${folder}/*.${ending})
    endforeach()
  endforeach()
  file(GLOB_RECURSE formatted CONFIGURE_DEPENDS ${globs})
  add_test(NAME clang_format COMMAND ${ODT_CLANG_FORMAT} --dry-run -Werror ${formatted})
else()
  odt_skip_test(clang_format clang-format-16)
endif()

# The kernels with NEON: a few of their suites in one unit, run by qemu. Boost, xsimd and nlohmann_json are headers that
# any architecture may have, but /usr/include itself is the host's.
find_program(ODT_AARCH64_CXX aarch64-linux-gnu-g++)
find_program(ODT_QEMU_AARCH64 NAMES qemu-aarch64 qemu-aarch64-static)
if(ODT_AARCH64_CXX AND ODT_QEMU_AARCH64)
  set(work ${CMAKE_CURRENT_BINARY_DIR}/aarch64)
  file(MAKE_DIRECTORY ${work}/include)
  find_path(ODT_BOOST_INCLUDE_DIR boost/test/included/unit_test.hpp REQUIRED)
  find_path(ODT_NLOHMANN_INCLUDE_DIR nlohmann/json.hpp REQUIRED)
  file(CREATE_LINK ${ODT_BOOST_INCLUDE_DIR}/boost ${work}/include/boost SYMBOLIC)
  file(CREATE_LINK ${ODT_NLOHMANN_INCLUDE_DIR}/nlohmann ${work}/include/nlohmann SYMBOLIC)
  file(CREATE_LINK ${ODT_XSIMD_INCLUDE_DIR}/xsimd ${work}/include/xsimd SYMBOLIC)
  set(text "#define BOOST_TEST_MODULE aarch64\n#include <boost/test/included/unit_test.hpp>\n#include <golden.cxx>\n\
#include <odt/exec/cpu/machine/isa.hpp>\nstatic_assert(odt::cpu::isa_name == \"neon\");\n")
  foreach(suite machine/simd machine/transpose passes/pool passes/batch_norm depthwise/depthwise convolution/convolution)
    string(APPEND text "#include <exec/cpu/${suite}.cpp>\n")
  endforeach()
  file(GENERATE OUTPUT ${work}/kernels.cpp CONTENT "${text}")
  add_test(NAME aarch64_builds
           COMMAND ${ODT_AARCH64_CXX} -std=c++20 -O1 -ffp-contract=off -Wall -Wextra -Wshadow -Werror -DODT_HEADER_ONLY
                   -DODT_SOURCE_DIR="${PROJECT_SOURCE_DIR}" -I${PROJECT_SOURCE_DIR}/include
                   -I${CMAKE_CURRENT_SOURCE_DIR} -isystem ${work}/include -o ${work}/kernels ${work}/kernels.cpp)
  # Of the convolutions one case: they are slow when emulated.
  add_test(NAME aarch64 COMMAND ${ODT_QEMU_AARCH64} -L /usr/aarch64-linux-gnu ${work}/kernels --report_level=short
                                --run_test=!convolution_tests
                                --run_test=+convolution_tests/adds_to_gradients_when_asked)
  set_tests_properties(aarch64_builds PROPERTIES FIXTURES_SETUP aarch64)
  set_tests_properties(aarch64 PROPERTIES FIXTURES_REQUIRED aarch64 TIMEOUT 1800)
else()
  odt_skip_test(aarch64 "g++-aarch64-linux-gnu and qemu-user")
endif()
