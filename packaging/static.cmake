# Included after project() by the programs that are packed (CMAKE_PROJECT_odt_INCLUDE): they take the system's static
# libraries where they are there, and so run on other releases of Debian and Ubuntu too.
set(CMAKE_FIND_LIBRARY_SUFFIXES .a .so)

# The packages of these two name the shared library.
find_package(pugixml REQUIRED)
if(TARGET pugixml::static)
  set_target_properties(pugixml::pugixml PROPERTIES INTERFACE_LINK_LIBRARIES pugixml::static)
endif()
find_package(leveldb REQUIRED)
find_library(ODT_LEVELDB_LIBRARY leveldb REQUIRED)
find_library(ODT_SNAPPY_LIBRARY snappy REQUIRED)
string(TOUPPER "${CMAKE_BUILD_TYPE}" type)
set_target_properties(leveldb::leveldb PROPERTIES IMPORTED_LOCATION_${type} ${ODT_LEVELDB_LIBRARY}
  INTERFACE_LINK_LIBRARIES "${ODT_SNAPPY_LIBRARY};Threads::Threads")

# gRPC's package too; pkg-config's names find the static ones.
set(CMAKE_DISABLE_FIND_PACKAGE_gRPC ON)

# libtiff.a would need nine further libraries.
set(CMAKE_DISABLE_FIND_PACKAGE_TIFF ON)
