# Somebody else's project of five lines, with the README's own CMake lines: it configures, links and runs.
# WAY is find_package (of a copy of BUILD installed below WORK), add_subdirectory, or FetchContent of an archive of the
# tree below ROOT; TYPE its build type, which may be empty.
cmake_minimum_required(VERSION 3.25)

function(run)
  execute_process(COMMAND ${ARGV} RESULT_VARIABLE status OUTPUT_VARIABLE said ERROR_VARIABLE said)
  if(status)
    string(JOIN " " command ${ARGV})
    message(FATAL_ERROR "${command}\n${said}")
  endif()
  set(said "${said}" PARENT_SCOPE)
endfunction()

# The block of ```cmake below the README's "In another CMake project", and the five lines.
file(READ ${ROOT}/README.md readme)
if(NOT readme MATCHES "```cmake\n(find_package\\(odt [^`]*)```")
  message(FATAL_ERROR "README.md: there is no block of CMake that begins with find_package(odt")
endif()
set(snippet "${CMAKE_MATCH_1}")

file(REMOVE_RECURSE ${WORK}/project ${WORK}/prefix)
file(MAKE_DIRECTORY ${WORK})
if(WAY STREQUAL find_package)
  run(${CMAKE_COMMAND} --install ${BUILD} --prefix ${WORK}/prefix)
  set(begin "")
else()
  if(WAY STREQUAL add_subdirectory)
    set(begin "add_subdirectory(${ROOT} odt)\n")
  else()
    run(${CMAKE_COMMAND} -E chdir ${ROOT} ${CMAKE_COMMAND} -E tar cf ${WORK}/odt.tar CMakeLists.txt include proto)
    set(begin "include(FetchContent)\nFetchContent_Declare(odt URL ${WORK}/odt.tar)\nFetchContent_MakeAvailable(odt)\n")
  endif()
  string(REGEX REPLACE "find_package[^\n]*\n" "" snippet "${snippet}")
endif()
set(lists "cmake_minimum_required(VERSION 3.25)\nproject(mine LANGUAGES CXX)\n${begin}${snippet}")
file(WRITE ${WORK}/project/CMakeLists.txt "${lists}")
file(COPY_FILE ${ROOT}/examples/minimal.cpp ${WORK}/project/trainer.cpp)

set(ENV{CCACHE_BASEDIR} ${WORK})
set(configure ${CMAKE_COMMAND} -S ${WORK}/project -B ${WORK}/build -G ${GENERATOR} -DCMAKE_PREFIX_PATH=${WORK}/prefix
  -DCMAKE_BUILD_TYPE=${TYPE} -DCMAKE_CXX_COMPILER=${COMPILER} -DCMAKE_CXX_COMPILER_LAUNCHER=${LAUNCHER})
run(${configure})
if(TYPE STREQUAL "" AND NOT said MATCHES "Release is taken")
  message(FATAL_ERROR "without a build type, CMake says nothing of Release:\n${said}")
endif()
# The archive has what the tree has, and the two others compile all of it: of this one the trainer's own unit.
if(WAY STREQUAL FetchContent AND GENERATOR STREQUAL Ninja)
  run(${CMAKE_COMMAND} --build ${WORK}/build --target CMakeFiles/trainer.dir/trainer.cpp.o)
else()
  run(${CMAKE_COMMAND} --build ${WORK}/build --target trainer)
  run(${WORK}/build/trainer --help)
  run(${WORK}/build/trainer shapes --count 2 --output ${WORK}/shapes)
endif()

# An instruction set of one's own beside odt::support's is refused, with what to write.
file(WRITE ${WORK}/project/CMakeLists.txt "${lists}target_compile_options(trainer PRIVATE -march=x86-64-v2)\n")
execute_process(COMMAND ${configure} RESULT_VARIABLE status OUTPUT_VARIABLE said ERROR_VARIABLE said)
if(NOT status OR NOT said MATCHES "-DODT_ARCH=x86-64-v2")
  message(FATAL_ERROR "a trainer with another -march than odt::support's is not refused:\n${said}")
endif()
