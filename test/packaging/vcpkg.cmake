# The vcpkg port's package keeps vcpkg's rules, and a consumer finds odt in it.
include(${CMAKE_CURRENT_LIST_DIR}/../../packaging/vcpkg/run_port.cmake)

function(check)
  if(NOT (${ARGV}))
    message(SEND_ERROR "not so: ${ARGV}")
  endif()
endfunction()

set(package ${CURRENT_PACKAGES_DIR})
check(VERSION STREQUAL ODT_VERSION)
foreach(file share/odt/odtConfig.cmake share/odt/copyright share/odt/usage include/odt/ssd.hpp include/odt/cuda.cmake)
  check(EXISTS ${package}/${file})
endforeach()
file(GLOB entries RELATIVE ${package} ${package}/* ${package}/share/*)
string(JOIN " " entries ${entries})
check(entries STREQUAL "include share share/odt")
file(GLOB_RECURSE files LIST_DIRECTORIES true ${package}/*)
foreach(file IN LISTS files)
  if(IS_DIRECTORY ${file})
    file(GLOB inside ${file}/*)
    check(inside)
  elseif(file MATCHES "\\.cmake$")
    file(READ ${file} text)
    string(FIND "${text}" ${WORK} at)
    check(at EQUAL -1)
  endif()
endforeach()

file(REMOVE_RECURSE ${WORK}/project ${WORK}/build)
file(WRITE ${WORK}/project/version.cpp "#include <odt/version.hpp>\n#include <string_view>\n\
static_assert(std::string_view(ODT_VERSION) == \"${ODT_VERSION}\");\n")
file(WRITE ${WORK}/project/CMakeLists.txt "cmake_minimum_required(VERSION 3.25)\nproject(mine LANGUAGES CXX)\n\
find_package(odt ${ODT_VERSION} REQUIRED)\nadd_library(mine OBJECT version.cpp)\n\
target_link_libraries(mine PRIVATE odt::odt)\n")
run(${CMAKE_COMMAND} -S ${WORK}/project -B ${WORK}/build -G ${GENERATOR} -DCMAKE_PREFIX_PATH=${package}
    -DCMAKE_BUILD_TYPE=Release -DCMAKE_CXX_COMPILER=${COMPILER})
run(${CMAKE_COMMAND} --build ${WORK}/build)
