# Object stores: paths gs:// and s3://, where a program wants them; include it at file scope, after odt's other targets.
#   odt::cloud   compiled once in the tree of whoever uses it; beside odt::support. Needs libcurl and OpenSSL.
include_guard(GLOBAL)

find_package(CURL REQUIRED)
find_package(OpenSSL REQUIRED COMPONENTS Crypto)

set(text "")
file(GLOB files RELATIVE ${CMAKE_CURRENT_LIST_DIR} CONFIGURE_DEPENDS ${CMAKE_CURRENT_LIST_DIR}/cloud/*.ipp)
foreach(file IN LISTS files)
  string(APPEND text "#include <odt/${file}>\n")
endforeach()
set(generated ${CMAKE_CURRENT_BINARY_DIR}/odt-cloud)
odt_write_if_changed(${generated}/cloud.cpp "${text}")
# A unit of the program itself, since a linker leaves out of a library what nobody names.
odt_write_if_changed(${generated}/register_stores.cpp "#include <odt/cloud/register.hpp>\n\n\
[[maybe_unused]] static const bool registered = odt::cloud::register_stores();\n")

add_library(odt_cloud STATIC EXCLUDE_FROM_ALL ${generated}/cloud.cpp)
add_library(odt::cloud ALIAS odt_cloud)
target_compile_options(odt_cloud PRIVATE $<$<NOT:$<CONFIG:Debug>>:-O1>)
target_link_libraries(odt_cloud PUBLIC odt_support
  PRIVATE CURL::libcurl OpenSSL::Crypto pugixml::pugixml nlohmann_json::nlohmann_json)
target_sources(odt_cloud INTERFACE ${generated}/register_stores.cpp)
