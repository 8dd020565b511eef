# The program compiled for each of ODT_LEVELS (x86-64-v2;x86-64-v3;x86-64-v4), each in a build tree of its own, and the
# launcher, which takes one of them at the start. Sets odt_program to one that any of these processors runs.
include(ExternalProject)
foreach(level IN LISTS ODT_LEVELS)
  set(flags "${CMAKE_CXX_FLAGS}")
  if(level STREQUAL "x86-64-v2")
    string(APPEND flags " -DODT_BASELINE_ISA -Wno-psabi")  # vectors of 32 bytes are in inlined functions alone
  endif()
  set(tree ${PROJECT_BINARY_DIR}/${level})
  ExternalProject_Add(odt_${level}
    PREFIX ${PROJECT_BINARY_DIR}/levels SOURCE_DIR ${PROJECT_SOURCE_DIR} BINARY_DIR ${tree}
    CMAKE_ARGS -DODT_ARCH=${level} -DODT_TESTS=OFF -DODT_BENCH=OFF -DODT_CLOUD=OFF -DODT_MPI=OFF -DODT_LEVELS=
               -DCMAKE_PROJECT_odt_INCLUDE=${CMAKE_CURRENT_LIST_DIR}/static.cmake
               -DCMAKE_BUILD_TYPE=${CMAKE_BUILD_TYPE} -DCMAKE_CXX_FLAGS_RELEASE=${CMAKE_CXX_FLAGS_RELEASE}
               -DCMAKE_CXX_COMPILER=${CMAKE_CXX_COMPILER} -DCMAKE_CXX_FLAGS=${flags}
               -DCMAKE_CXX_COMPILER_LAUNCHER=${CMAKE_CXX_COMPILER_LAUNCHER}
    BUILD_COMMAND ${CMAKE_COMMAND} --build <BINARY_DIR> --target odt
    BUILD_ALWAYS ON USES_TERMINAL_BUILD ON BUILD_BYPRODUCTS ${tree}/bin/odt INSTALL_COMMAND "")
  install(PROGRAMS ${tree}/bin/odt DESTINATION lib/odt RENAME odt-${level} COMPONENT odt)
endforeach()
list(GET ODT_LEVELS 0 level)
set(odt_program ${PROJECT_BINARY_DIR}/${level}/bin/odt)

add_executable(odt_launcher ${CMAKE_CURRENT_LIST_DIR}/launcher.cpp)
set_target_properties(odt_launcher PROPERTIES OUTPUT_NAME odt)
target_compile_features(odt_launcher PRIVATE cxx_std_20)
target_link_libraries(odt_launcher PRIVATE odt_build)
install(TARGETS odt_launcher COMPONENT odt)
