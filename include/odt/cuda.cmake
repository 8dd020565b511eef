# The CUDA half of odt, where a program wants it; include it at file scope, after odt's other targets.
#   odt::cuda                         the plain kernels, compiled once for CMAKE_CUDA_ARCHITECTURES
#   odt_add_detector(program header detector...)
#                                     lets a program run the detectors of that header on a GPU: nvcc compiles a unit
#                                     with a line for each, ODT_CUDA(detector); kernels that they share are compiled once
include_guard(GLOBAL)

# CMake 3.25 does not know nvcc's C++20.
set(CMAKE_CUDA20_STANDARD_COMPILE_OPTION -std=c++20)
set(CMAKE_CUDA20_EXTENSION_COMPILE_OPTION -std=c++20)
if(NOT DEFINED CMAKE_CUDA_ARCHITECTURES)
  set(CMAKE_CUDA_ARCHITECTURES 80-real 90a-real 90-virtual)
endif()
enable_language(CUDA)
find_package(CUDAToolkit REQUIRED)

file(GLOB_RECURSE odt_cuda_units CONFIGURE_DEPENDS ${CMAKE_CURRENT_LIST_DIR}/exec/cuda/*.cu)
add_library(odt_cuda STATIC EXCLUDE_FROM_ALL ${odt_cuda_units})
add_library(odt::cuda ALIAS odt_cuda)
set_target_properties(odt_cuda PROPERTIES CUDA_STANDARD 20)
target_link_libraries(odt_cuda PUBLIC odt_odt CUDA::cudart_static)
# One rounding an operation, as in the CPU's kernels: code says fma where it means it.
target_compile_options(odt_cuda PUBLIC
  $<$<COMPILE_LANGUAGE:CUDA>:--expt-relaxed-constexpr;-fmad=false;-Xcompiler=-ffp-contract=off>)

function(odt_add_detector program header)
  get_filename_component(path ${header} ABSOLUTE)
  foreach(detector IN LISTS ARGN)
    string(MAKE_C_IDENTIFIER "${program}_${detector}" name)
    set(unit ${CMAKE_CURRENT_BINARY_DIR}/odt-detectors/${name}.cu)
    odt_write_if_changed(${unit} "#include <odt/cuda.hpp>\n\n#include \"${path}\"\n\nODT_CUDA(${detector})\n")
    target_sources(${program} PRIVATE ${unit})
  endforeach()
  set_target_properties(${program} PROPERTIES CUDA_STANDARD 20)
  target_link_libraries(${program} PRIVATE odt_cuda)
endfunction()
