# test_cuda_emulated: the kernels' own source, made C++ by translate.py, and the suites of test_cuda.
find_package(Python3 REQUIRED COMPONENTS Interpreter)
set(here ${CMAKE_CURRENT_SOURCE_DIR}/exec/cuda)
set(generated ${CMAKE_CURRENT_BINARY_DIR}/emulated)
set(kernels ${PROJECT_SOURCE_DIR}/include/odt/exec/cuda)
file(GLOB suites CONFIGURE_DEPENDS ${here}/*.cpp)

set(units "")
set(originals ${here}/emulation/translate.py ${here}/emulation/instructions.cuh)
set(folders ${kernels} ${here})
set(places odt/exec/cuda exec/cuda)
foreach(folder place IN ZIP_LISTS folders places)
  file(GLOB_RECURSE files RELATIVE ${folder} CONFIGURE_DEPENDS ${folder}/*.cu ${folder}/*.cuh ${folder}/*.hpp)
  list(FILTER files EXCLUDE REGEX "^emulation/")
  list(TRANSFORM files PREPEND ${folder}/ OUTPUT_VARIABLE paths)
  list(APPEND originals ${paths})
  list(FILTER files INCLUDE REGEX "cu$")
  foreach(file IN LISTS files)
    list(APPEND units ${generated}/${place}/${file})
  endforeach()
endforeach()

add_custom_command(
  OUTPUT ${generated}/stamp
  BYPRODUCTS ${units}
  COMMAND Python3::Interpreter ${here}/emulation/translate.py ${kernels} ${generated}/odt/exec/cuda
  COMMAND Python3::Interpreter ${here}/emulation/translate.py ${here} ${generated}/exec/cuda
  COMMAND ${CMAKE_COMMAND} -E touch ${generated}/stamp
  DEPENDS ${originals} VERBATIM)
add_custom_target(cuda_emulated_sources DEPENDS ${generated}/stamp)

# nvcc warns of the kernels; what g++ would say of them concerns CUDA's idioms.
add_library(odt_cuda_emulated OBJECT ${units})
add_dependencies(odt_cuda_emulated cuda_emulated_sources)
set_source_files_properties(${units} PROPERTIES LANGUAGE CXX)
target_compile_options(odt_cuda_emulated PRIVATE -w -fno-strict-aliasing)

add_executable(test_cuda_emulated ${suites} ${here}/emulation/emulation.cpp)
add_dependencies(test_cuda_emulated cuda_emulated_sources)
target_compile_definitions(test_cuda_emulated PRIVATE ODT_CUDA_EMULATED)
target_link_libraries(test_cuda_emulated PRIVATE odt_cuda_emulated)
foreach(target odt_cuda_emulated test_cuda_emulated)
  target_include_directories(${target} BEFORE PRIVATE ${generated})
  target_include_directories(${target} SYSTEM PRIVATE ${CUDAToolkit_INCLUDE_DIRS})
  target_link_libraries(${target} PRIVATE odt_test)
endforeach()
add_test(NAME cuda_emulated COMMAND test_cuda_emulated --log_level=test_suite --report_level=short)
set_tests_properties(cuda_emulated PROPERTIES TIMEOUT 1800)
