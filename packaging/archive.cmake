# Read by CPack for each kind of package: an archive's files lie in a folder, a .deb's in the root.
if(CPACK_GENERATOR STREQUAL "TGZ")
  set(CPACK_COMPONENT_INCLUDE_TOPLEVEL_DIRECTORY ON)
endif()
