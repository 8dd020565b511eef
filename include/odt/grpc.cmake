# gRPC for `odt serve --port`, where a program wants it; include it at file scope, after odt's other targets.
#   odt::grpc   compiled once in the tree of whoever uses it; beside odt::support. Needs libgrpc++.
include_guard(GLOBAL)

if(NOT TARGET gRPC::grpc++)
  find_package(gRPC CONFIG QUIET)
endif()
if(NOT TARGET gRPC::grpc++)
  find_package(PkgConfig QUIET)
  if(PKG_CONFIG_FOUND)
    pkg_check_modules(ODT_GRPC QUIET IMPORTED_TARGET grpc++)
  endif()
  if(NOT ODT_GRPC_FOUND)
    message(FATAL_ERROR "odt: there is no gRPC for odt::grpc; install libgrpc++-dev")
  endif()
endif()

set(generated ${CMAKE_CURRENT_BINARY_DIR}/odt-grpc)
odt_write_if_changed(${generated}/grpc.cpp "#include <odt/serve/grpc/grpc_server.ipp>\n")
# A unit of the program itself, since a linker leaves out of a library what nobody names.
odt_write_if_changed(${generated}/register_grpc.cpp "#include <odt/serve/grpc/grpc_server.hpp>\n\n\
[[maybe_unused]] static const bool registered = odt::serve::register_grpc_server();\n")

add_library(odt_grpc STATIC EXCLUDE_FROM_ALL ${generated}/grpc.cpp)
add_library(odt::grpc ALIAS odt_grpc)
target_compile_options(odt_grpc PRIVATE $<$<NOT:$<CONFIG:Debug>>:-O1>)
target_link_libraries(odt_grpc PUBLIC odt_support
  PRIVATE $<IF:$<TARGET_EXISTS:gRPC::grpc++>,gRPC::grpc++,PkgConfig::ODT_GRPC>)
target_sources(odt_grpc INTERFACE ${generated}/register_grpc.cpp)
