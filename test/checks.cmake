# Checks of the sources themselves: includes, headers alone and all together, what must not compile, other people's
# projects. What has to compile is built with the rest (ODT_ALL_TESTS).
find_package(Python3 REQUIRED COMPONENTS Interpreter)

add_test(NAME include_directions COMMAND Python3::Interpreter ${CMAKE_CURRENT_SOURCE_DIR}/check_includes.py
                                         ${PROJECT_SOURCE_DIR})
add_test(NAME include_directions_refuses COMMAND Python3::Interpreter
                                                 ${CMAKE_CURRENT_SOURCE_DIR}/check_includes_test.py)
add_test(NAME cluster.scaling COMMAND Python3::Interpreter ${CMAKE_CURRENT_SOURCE_DIR}/cluster/scaling.py
                                      ${PROJECT_SOURCE_DIR})
if(NOT ODT_ALL_TESTS)
  return()
endif()

set(xsimd "")
if(NOT ODT_XSIMD_INCLUDE_DIR IN_LIST CMAKE_CXX_IMPLICIT_INCLUDE_DIRECTORIES)
  set(xsimd -isystem ${ODT_XSIMD_INCLUDE_DIR})
endif()

# Each compile_fail/*.cpp says what the compiler has to say about it.
file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/compile_fail/*.cpp)
foreach(source IN LISTS sources)
  get_filename_component(stem ${source} NAME_WE)
  add_test(NAME compile_fail.${stem}
           COMMAND Python3::Interpreter ${CMAKE_CURRENT_SOURCE_DIR}/compile_fail.py ${source} ${CMAKE_CXX_COMPILER}
                   -std=c++20 $<$<BOOL:${ODT_ARCH}>:-march=${ODT_ARCH}> -I${PROJECT_SOURCE_DIR}/include ${xsimd}
           COMMAND_EXPAND_LISTS)
endforeach()

file(GLOB_RECURSE headers RELATIVE ${PROJECT_SOURCE_DIR}/include CONFIGURE_DEPENDS
     ${PROJECT_SOURCE_DIR}/include/odt/*.hpp)
list(FILTER headers EXCLUDE REGEX "^odt/(exec/cuda/|cuda\\.hpp)")
list(FILTER headers EXCLUDE REGEX "^odt/distributed/(mpi|nccl)/")  # odt::mpi's and odt::nccl's own
if(NOT TARGET odt_cloud)
  list(FILTER headers EXCLUDE REGEX "^odt/cloud/")
endif()
if(NOT TARGET odt_grpc)
  list(FILTER headers EXCLUDE REGEX "^odt/serve/grpc/")
endif()
find_path(ODT_XTENSOR_INCLUDE_DIR NAMES xtensor/xtensor.hpp xtensor/containers/xtensor.hpp)
if(NOT ODT_XTENSOR_INCLUDE_DIR)
  list(REMOVE_ITEM headers odt/adapt.hpp)
endif()

# Every header alone, included twice.
set(units "")
set(all "// Every header of odt.\n")
foreach(header IN LISTS headers)
  string(REGEX REPLACE "\\.hpp$" ".cpp" unit ${CMAKE_CURRENT_BINARY_DIR}/headers/${header})
  odt_write_if_changed(${unit} "#include <${header}>\n#include <${header}>\n")
  list(APPEND units ${unit})
  string(APPEND all "#include <${header}>\n")
endforeach()
add_library(test_headers OBJECT ${units})
target_link_libraries(test_headers PRIVATE odt_build odt::odt odt::native)
target_compile_options(test_headers PRIVATE -O0)

# The AMX kernels, whatever this machine has.
include(CheckCXXCompilerFlag)
check_cxx_compiler_flag(-march=sapphirerapids ODT_COMPILES_AMX)
if(ODT_COMPILES_AMX)
  set(units "")
  foreach(unit convolution/amx machine/ceiling convolution/convolution convolution/convolution_weights)
    set(file ${CMAKE_CURRENT_BINARY_DIR}/amx/${unit}.cpp)
    odt_write_if_changed(${file} "#include <odt/exec/cpu/convolution/amx.hpp>\nstatic_assert(ODT_AMX);\n\
#include <odt/exec/cpu/${unit}.ipp>\n")
    list(APPEND units ${file})
  endforeach()
  add_library(test_amx OBJECT ${units})
  target_link_libraries(test_amx PRIVATE odt_build odt::odt)
  target_compile_options(test_amx PRIVATE -O1 -march=sapphirerapids)
endif()

# All headers in two units of one program: nothing is defined twice, with odt::support and with ODT_HEADER_ONLY.
foreach(unit one two)
  odt_write_if_changed(${CMAKE_CURRENT_BINARY_DIR}/odr/${unit}.cpp "${all}")
endforeach()
foreach(kind support header_only)
  add_executable(test_odr_${kind} ${CMAKE_CURRENT_BINARY_DIR}/odr/one.cpp ${CMAKE_CURRENT_BINARY_DIR}/odr/two.cpp
                 odr/main.cxx)
  target_link_libraries(test_odr_${kind} PRIVATE odt_build odt::${kind} odt::native)
  if(TARGET odt_cloud AND kind STREQUAL header_only)
    target_link_libraries(test_odr_${kind} PRIVATE CURL::libcurl OpenSSL::Crypto)
  elseif(TARGET odt_cloud)
    target_link_libraries(test_odr_${kind} PRIVATE odt::cloud)
  endif()
  if(TARGET odt_grpc AND kind STREQUAL header_only)
    target_link_libraries(test_odr_${kind} PRIVATE $<IF:$<TARGET_EXISTS:gRPC::grpc++>,gRPC::grpc++,PkgConfig::ODT_GRPC>)
  elseif(TARGET odt_grpc)
    target_link_libraries(test_odr_${kind} PRIVATE odt::grpc)
  endif()
  target_compile_options(test_odr_${kind} PRIVATE -O0)
  add_test(NAME odr_${kind} COMMAND test_odr_${kind})
endforeach()

# With ODT_HEADER_ONLY too, headers whose definitions need each other may come first.
set(units "")
foreach(header file file_writer checkpoint)
  set(unit ${CMAKE_CURRENT_BINARY_DIR}/first/${header}.cpp)
  odt_write_if_changed(${unit} "#include <odt/io/${header}.hpp>\n")
  list(APPEND units ${unit})
endforeach()
add_library(test_first_headers OBJECT ${units})
target_link_libraries(test_first_headers PRIVATE odt_build odt::header_only odt::native)
target_compile_options(test_first_headers PRIVATE -O0)

# Somebody else's project, by every way in; between them with every build type.
set(ways find_package add_subdirectory FetchContent)
set(types "" Debug Release)
foreach(way type IN ZIP_LISTS ways types)
  add_test(NAME consumer.${way}
           COMMAND ${CMAKE_COMMAND} -DBUILD=${PROJECT_BINARY_DIR} -DROOT=${PROJECT_SOURCE_DIR}
                   -DWORK=${CMAKE_CURRENT_BINARY_DIR}/consumer/${way} -DWAY=${way} -DTYPE=${type}
                   -DGENERATOR=${CMAKE_GENERATOR} -DCOMPILER=${CMAKE_CXX_COMPILER}
                   -DLAUNCHER=${CMAKE_CXX_COMPILER_LAUNCHER} -P ${CMAKE_CURRENT_SOURCE_DIR}/consumer/run.cmake)
  set_tests_properties(consumer.${way} PROPERTIES TIMEOUT 1800 PROCESSORS ${cores})
endforeach()

# And by the vcpkg port's steps.
add_test(NAME vcpkg_port
         COMMAND ${CMAKE_COMMAND} -DWORK=${CMAKE_CURRENT_BINARY_DIR}/vcpkg -DGENERATOR=${CMAKE_GENERATOR}
                 -DCOMPILER=${CMAKE_CXX_COMPILER} -DODT_VERSION=${PROJECT_VERSION}
                 -P ${CMAKE_CURRENT_SOURCE_DIR}/packaging/vcpkg.cmake)

# torchvision's own MobileNet v2, where its weights can be had.
if(NOT ODT_SANITIZE)
  add_test(NAME torchvision COMMAND Python3::Interpreter ${CMAKE_CURRENT_SOURCE_DIR}/torchvision.py
                                    $<TARGET_FILE:test_backbones> ${CMAKE_CURRENT_BINARY_DIR}/torchvision)
  set_tests_properties(torchvision PROPERTIES SKIP_RETURN_CODE 77 TIMEOUT 600)
endif()

# The program killed at random moments; kills.py has more of them.
if(ODT_EXAMPLES)
  add_test(NAME kills COMMAND Python3::Interpreter ${CMAKE_CURRENT_SOURCE_DIR}/kills.py $<TARGET_FILE:odt>
                              ${PROJECT_SOURCE_DIR}/examples/shapes.config)
  add_test(NAME examples COMMAND Python3::Interpreter ${CMAKE_CURRENT_SOURCE_DIR}/examples.py
                                 $<TARGET_FILE_DIR:odt> ${PROJECT_SOURCE_DIR}/examples/shapes.config)
  # The commands of the pages, on small data.
  foreach(page pets tutorial from_tensorflow)
    set(made_from ${PROJECT_SOURCE_DIR}/../shared)
    if(page STREQUAL from_tensorflow)
      set(made_from ${PROJECT_SOURCE_DIR}/examples/shapes.config)
    endif()
    add_test(NAME pages.${page}
             COMMAND Python3::Interpreter ${CMAKE_CURRENT_SOURCE_DIR}/pages/${page}.py $<TARGET_FILE:odt>
                     ${PROJECT_SOURCE_DIR}/docs/${page}.md ${made_from})
    set_tests_properties(pages.${page} PROPERTIES SKIP_RETURN_CODE 77 TIMEOUT 900)
  endforeach()
  set_tests_properties(kills examples PROPERTIES TIMEOUT 900)
  if(ODT_MPI AND NOT ODT_SANITIZE)  # OpenMPI leaves memory
    add_test(NAME ranks COMMAND Python3::Interpreter ${CMAKE_CURRENT_SOURCE_DIR}/cluster/ranks.py $<TARGET_FILE:odt>
                                ${PROJECT_SOURCE_DIR}/examples/shapes.config --kills 1)
    set_tests_properties(ranks PROPERTIES TIMEOUT 900 PROCESSORS ${cores})
    # Four hosts as network namespaces; a Slurm of two nodes. Both need root.
    foreach(test hosts slurm)
      add_test(NAME cluster.${test} COMMAND Python3::Interpreter ${CMAKE_CURRENT_SOURCE_DIR}/cluster/${test}.py
                                            $<TARGET_FILE:odt> ${PROJECT_SOURCE_DIR}/examples/shapes.config)
      set_tests_properties(cluster.${test} PROPERTIES SKIP_RETURN_CODE 77 TIMEOUT 900 PROCESSORS ${cores})
    endforeach()
  endif()
  # The page of odt label in a browser, its files beside labelImg's own, kills, and a person who is none. What that takes
  # (chromium, selenium, labelImg) comes from packages and from below the build tree.
  foreach(part page kills labelimg simulated_annotator)
    set(label_arguments $<TARGET_FILE:odt>)
    if(part STREQUAL simulated_annotator)
      list(APPEND label_arguments --shapes 24 --config ${PROJECT_SOURCE_DIR}/examples/shapes.config --update-every 8 --steps 4)
    elseif(NOT part STREQUAL labelimg)
      list(APPEND label_arguments ${PROJECT_SOURCE_DIR}/examples/shapes.config)
    endif()
    add_test(NAME label.${part} COMMAND Python3::Interpreter ${CMAKE_CURRENT_SOURCE_DIR}/label/${part}.py ${label_arguments})
    set_tests_properties(label.${part} PROPERTIES SKIP_RETURN_CODE 77 TIMEOUT 900)
  endforeach()
  # The programs that exports are for run them; test/run.sh --all installs these below the build tree.
  foreach(format tensorflow onnx tflite stablehlo)
    add_test(NAME export_${format}
             COMMAND Python3::Interpreter ${CMAKE_CURRENT_SOURCE_DIR}/peers/check_exports.py $<TARGET_FILE:odt>
                     ${PROJECT_SOURCE_DIR}/examples/shapes.config ${format} ${PROJECT_SOURCE_DIR}/build/peers/bin/python)
    set_tests_properties(export_${format} PROPERTIES SKIP_RETURN_CODE 77 TIMEOUT 900)
  endforeach()
  # Schemas of clusters' manifests, from the same place.
  add_test(NAME cluster.manifests
           COMMAND Python3::Interpreter ${CMAKE_CURRENT_SOURCE_DIR}/cluster/manifests.py $<TARGET_FILE:odt>
                   ${PROJECT_SOURCE_DIR} ${PROJECT_SOURCE_DIR}/build/peers/bin/python)
  set_tests_properties(cluster.manifests PROPERTIES SKIP_RETURN_CODE 77 TIMEOUT 300)
  # odt serve: what it answers, under load and reloads, and to what no client should send.
  foreach(script rest load fuzz page official)
    add_test(NAME serve.${script}
             COMMAND Python3::Interpreter ${CMAKE_CURRENT_SOURCE_DIR}/serve/${script}.py $<TARGET_FILE:odt>
                     ${PROJECT_SOURCE_DIR}/examples/shapes.config)
    set_tests_properties(serve.${script} PROPERTIES SKIP_RETURN_CODE 77 TIMEOUT 900)
  endforeach()
  if(NOT TARGET odt_grpc)
    set_property(TEST serve.fuzz APPEND PROPERTY ENVIRONMENT ODT_WITHOUT_GRPC=1)
  endif()
  # Real clients of TensorFlow Serving, which test/run.sh --all installs.
  add_test(NAME serve.clients
           COMMAND Python3::Interpreter ${CMAKE_CURRENT_SOURCE_DIR}/serve/clients.py $<TARGET_FILE:odt>
                   ${PROJECT_SOURCE_DIR}/examples/shapes.config ${PROJECT_SOURCE_DIR}/build/clients/bin/python)
  set_tests_properties(serve.clients PROPERTIES SKIP_RETURN_CODE 77 TIMEOUT 900)
  # Servers of object stores, from the same place.
  if(TARGET odt_cloud)
    foreach(store seaweedfs fake-gcs-server gcp-storage-emulator)
      add_test(NAME cloud.${store}
               COMMAND Python3::Interpreter ${CMAKE_CURRENT_SOURCE_DIR}/cloud/stores.py $<TARGET_FILE:odt>
                       ${PROJECT_SOURCE_DIR}/examples/shapes.config ${PROJECT_SOURCE_DIR}/build/peers/bin/python ${store})
      set_tests_properties(cloud.${store} PROPERTIES SKIP_RETURN_CODE 77 TIMEOUT 900)
    endforeach()
  endif()
  add_test(NAME export_cpp
           COMMAND Python3::Interpreter ${CMAKE_CURRENT_SOURCE_DIR}/peers/check_cpp.py $<TARGET_FILE:odt>
                   ${PROJECT_SOURCE_DIR}/examples/shapes.config ${CMAKE_CXX_COMPILER}
                   -isystem ${PROJECT_SOURCE_DIR}/include ${xsimd})
  set_tests_properties(export_cpp PROPERTIES PROCESSORS ${cores} TIMEOUT 1800)
endif()

include(toolchains.cmake)
