# Several processes that train together, where a program wants it; include it at file scope, after odt's other targets.
#   odt::mpi   a program that links it trains as one of the ranks that mpirun, srun or `odt launch` start
include_guard(GLOBAL)

find_package(MPI QUIET COMPONENTS CXX)
if(NOT MPI_CXX_FOUND)
  message(FATAL_ERROR "odt: there is no MPI for odt::mpi; install libopenmpi-dev or libmpich-dev")
endif()
add_library(odt_mpi INTERFACE)
add_library(odt::mpi ALIAS odt_mpi)
odt_write_if_changed(${CMAKE_CURRENT_BINARY_DIR}/odt-mpi/mpi.cpp "#include <odt/distributed/mpi/mpi_world.ipp>\n")
add_library(odt_mpi_unit OBJECT EXCLUDE_FROM_ALL ${CMAKE_CURRENT_BINARY_DIR}/odt-mpi/mpi.cpp)
target_compile_definitions(odt_mpi_unit PRIVATE OMPI_SKIP_MPICXX MPICH_SKIP_MPICXX)
target_include_directories(odt_mpi_unit SYSTEM PRIVATE ${MPI_CXX_INCLUDE_DIRS})
target_link_libraries(odt_mpi_unit PRIVATE odt::support)
target_link_libraries(odt_mpi INTERFACE odt::support MPI::MPI_CXX)
target_sources(odt_mpi INTERFACE $<TARGET_OBJECTS:odt_mpi_unit>)
