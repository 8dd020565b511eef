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
