# NCCL, by which the GPUs of several ranks add up gradients, where a program wants it; include it at file scope, after
# cuda.cmake and mpi.cmake.
#   odt::nccl   a program that links it beside odt::cuda and odt::mpi trains as ranks with a GPU each
# nccl.h and libnccl are looked for where CUDA's toolkit and the system have theirs, and below ODT_NCCL_ROOT: the folder
# that holds include/ and lib/, such as site-packages/nvidia/nccl of the package nvidia-nccl-cu13. It has to fit the
# toolkit.
include_guard(GLOBAL)

set(ODT_NCCL_ROOT "" CACHE PATH "Where include/nccl.h and lib/libnccl.so.2 are")
find_package(CUDAToolkit REQUIRED)
find_path(ODT_NCCL_INCLUDE_DIR nccl.h HINTS ${ODT_NCCL_ROOT}/include ${CUDAToolkit_INCLUDE_DIRS})
find_library(ODT_NCCL_LIBRARY NAMES nccl libnccl.so.2 NAMES_PER_DIR HINTS ${ODT_NCCL_ROOT}/lib ${CUDAToolkit_LIBRARY_DIR})
if(NOT ODT_NCCL_INCLUDE_DIR OR NOT ODT_NCCL_LIBRARY)
  message(FATAL_ERROR "odt: there is no NCCL for odt::nccl; install libnccl-dev from NVIDIA's repository, or "
                      "`pip install nvidia-nccl-cu${CUDAToolkit_VERSION_MAJOR}` and set ODT_NCCL_ROOT to its folder nvidia/nccl")
endif()
add_library(odt_nccl INTERFACE)
add_library(odt::nccl ALIAS odt_nccl)
odt_write_if_changed(${CMAKE_CURRENT_BINARY_DIR}/odt-nccl/nccl.cpp
                     "#include <odt/distributed/nccl/nccl_transport.ipp>\n")
add_library(odt_nccl_unit OBJECT EXCLUDE_FROM_ALL ${CMAKE_CURRENT_BINARY_DIR}/odt-nccl/nccl.cpp)
target_include_directories(odt_nccl_unit SYSTEM PRIVATE ${ODT_NCCL_INCLUDE_DIR} ${CUDAToolkit_INCLUDE_DIRS})
target_link_libraries(odt_nccl_unit PRIVATE odt::support)
target_link_libraries(odt_nccl INTERFACE odt::cuda ${ODT_NCCL_LIBRARY})
target_sources(odt_nccl INTERFACE $<TARGET_OBJECTS:odt_nccl_unit>)
