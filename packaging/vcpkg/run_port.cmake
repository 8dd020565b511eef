# Runs the port's steps without vcpkg, with the libraries that this machine has:
#   cmake -DWORK=build/vcpkg -P packaging/vcpkg/run_port.cmake
# leaves the port's package in WORK/packages. These are vcpkg's helper functions as far as this port calls them.
cmake_minimum_required(VERSION 3.25)
get_filename_component(WORK ${WORK} ABSOLUTE)
set(port_dir ${CMAKE_CURRENT_LIST_DIR}/odt)
set(CURRENT_BUILDTREES_DIR ${WORK}/buildtrees)
set(CURRENT_PACKAGES_DIR ${WORK}/packages)

function(run)
  execute_process(COMMAND ${ARGV} RESULT_VARIABLE status OUTPUT_VARIABLE said ERROR_VARIABLE said)
  if(status)
    string(JOIN " " command ${ARGV})
    message(FATAL_ERROR "${command}\n${said}")
  endif()
endfunction()

macro(parse keys lists)
  cmake_parse_arguments(PARSE_ARGV 0 arg "" "${keys}" "${lists}")
  if(arg_UNPARSED_ARGUMENTS OR arg_KEYWORDS_MISSING_VALUES)
    message(FATAL_ERROR "${CMAKE_CURRENT_FUNCTION}: ${arg_UNPARSED_ARGUMENTS} ${arg_KEYWORDS_MISSING_VALUES}")
  endif()
endmacro()

function(vcpkg_cmake_configure)
  parse("SOURCE_PATH" "OPTIONS")
  if(DEFINED GENERATOR)
    list(APPEND arg_OPTIONS -G ${GENERATOR})
  endif()
  if(DEFINED COMPILER)
    list(APPEND arg_OPTIONS -DCMAKE_CXX_COMPILER=${COMPILER})
  endif()
  run(${CMAKE_COMMAND} -S ${arg_SOURCE_PATH} -B ${CURRENT_BUILDTREES_DIR} -DCMAKE_BUILD_TYPE=Release
      -DCMAKE_INSTALL_PREFIX=${CURRENT_PACKAGES_DIR} ${arg_OPTIONS})
endfunction()

function(vcpkg_cmake_install)
  parse("" "")
  run(${CMAKE_COMMAND} --build ${CURRENT_BUILDTREES_DIR} --target install)
endfunction()

# To share/<port>, where find_package looks in vcpkg's tree.
function(vcpkg_cmake_config_fixup)
  parse("CONFIG_PATH" "")
  file(GLOB files ${CURRENT_PACKAGES_DIR}/${arg_CONFIG_PATH}/*)
  file(COPY ${files} DESTINATION ${CURRENT_PACKAGES_DIR}/share/${PORT})
  get_filename_component(parent ${CURRENT_PACKAGES_DIR}/${arg_CONFIG_PATH} DIRECTORY)
  file(REMOVE_RECURSE ${parent})
  file(GLOB files ${CURRENT_PACKAGES_DIR}/share/${PORT}/*.cmake)
  foreach(file IN LISTS files)
    file(READ ${file} text)
    string(REGEX REPLACE [[PACKAGE_PREFIX_DIR "\${CMAKE_CURRENT_LIST_DIR}/\.\./(\.\./)*"]]
           [[PACKAGE_PREFIX_DIR "${CMAKE_CURRENT_LIST_DIR}/../../"]] text "${text}")
    file(WRITE ${file} "${text}")
  endforeach()
endfunction()

function(vcpkg_install_copyright)
  parse("" "FILE_LIST")
  file(INSTALL ${arg_FILE_LIST} DESTINATION ${CURRENT_PACKAGES_DIR}/share/${PORT} RENAME copyright)
endfunction()

file(REMOVE_RECURSE ${CURRENT_BUILDTREES_DIR} ${CURRENT_PACKAGES_DIR})
file(READ ${port_dir}/vcpkg.json manifest)
string(JSON PORT GET ${manifest} name)
string(JSON VERSION GET ${manifest} version)
include(${port_dir}/portfile.cmake)
