# Installs the program with its manual and completion, and packs two components as .deb and .tar.gz: odt, the program,
# and libodt-dev, the headers and all else that is installed.
include(GNUInstallDirs)
set(ODT_LEVELS "" CACHE STRING "x86-64 levels to compile the packaged program for (x86-64-v2;x86-64-v3;x86-64-v4)")
set(CMAKE_INSTALL_DEFAULT_COMPONENT_NAME libodt-dev)

configure_file(${CMAKE_CURRENT_LIST_DIR}/odt.pc.in ${PROJECT_BINARY_DIR}/odt.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/odt.pc DESTINATION ${CMAKE_INSTALL_DATADIR}/pkgconfig)
install(FILES ${PROJECT_SOURCE_DIR}/LICENSE DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/libodt-dev RENAME copyright)

set(odt_program "")
if(ODT_LEVELS)
  include(${CMAKE_CURRENT_LIST_DIR}/levels.cmake)
elseif(TARGET odt)
  set(odt_program $<TARGET_FILE:odt>)
  install(TARGETS odt COMPONENT odt)
endif()

if(odt_program)
  install(FILES ${CMAKE_CURRENT_LIST_DIR}/odt.bash DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions
    RENAME odt COMPONENT odt)
  install(FILES ${PROJECT_SOURCE_DIR}/examples/shapes.config DESTINATION ${CMAKE_INSTALL_DATADIR}/odt/examples
    COMPONENT odt)
  install(FILES ${PROJECT_SOURCE_DIR}/LICENSE DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/odt RENAME copyright
    COMPONENT odt)
  foreach(package libprotobuf-dev libleveldb-dev libsnappy-dev libpugixml-dev zlib1g-dev libturbojpeg0-dev libcli11-dev
                  nlohmann-json3-dev libstb-dev libxsimd-dev libwebp-dev libflatbuffers-dev libboost-dev libgrpc-dev
                  libabsl-dev libre2-dev libc-ares-dev libssl-dev)
    set(licence /usr/share/doc/${package}/copyright)  # of what the program holds
    if(EXISTS ${licence})
      install(FILES ${licence} DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/odt/licences RENAME ${package} COMPONENT odt)
    endif()
  endforeach()

  find_package(Python3 COMPONENTS Interpreter)
  if(Python3_FOUND AND NOT CMAKE_CROSSCOMPILING)
    add_custom_command(OUTPUT ${PROJECT_BINARY_DIR}/odt.1.gz
      COMMAND Python3::Interpreter ${CMAKE_CURRENT_LIST_DIR}/man_page.py ${odt_program} ${PROJECT_BINARY_DIR}/odt.1.gz
      DEPENDS ${odt_program} ${CMAKE_CURRENT_LIST_DIR}/man_page.py VERBATIM)
    add_custom_target(odt_manual ALL DEPENDS ${PROJECT_BINARY_DIR}/odt.1.gz)
    install(FILES ${PROJECT_BINARY_DIR}/odt.1.gz DESTINATION ${CMAKE_INSTALL_MANDIR}/man1 COMPONENT odt OPTIONAL)
  endif()
endif()
if(TARGET odt AND ODT_TESTS)
  add_test(NAME completion COMMAND ${CMAKE_CURRENT_LIST_DIR}/check_completion.sh $<TARGET_FILE:odt>)
endif()

if(NOT CPACK_PACKAGE_CONTACT)
  set(CPACK_PACKAGE_CONTACT "The odt authors <odt@example.org>")
endif()
set(CPACK_GENERATOR DEB TGZ)
set(CPACK_COMPONENTS_ALL libodt-dev)
if(odt_program)
  list(APPEND CPACK_COMPONENTS_ALL odt)
endif()
set(CPACK_STRIP_FILES ON)
set(CPACK_RESOURCE_FILE_LICENSE ${PROJECT_SOURCE_DIR}/LICENSE)
set(CPACK_COMPONENT_ODT_DESCRIPTION "The program, which trains and runs detectors with the workflow of the
TensorFlow Object Detection API and without Python: labelled photos, records,
pipeline.config, training with evaluation beside it, checkpoints.")
set(CPACK_COMPONENT_LIBODT-DEV_DESCRIPTION "The headers: a detector is a type, put together from policies at
compile time. CMake's package is odt, and so is pkg-config's.")

set(CPACK_PACKAGE_FILE_NAME odt-${PROJECT_VERSION}-linux-${CMAKE_SYSTEM_PROCESSOR})  # the archives' folder too
set(CPACK_ARCHIVE_COMPONENT_INSTALL ON)
set(CPACK_PROJECT_CONFIG_FILE ${CMAKE_CURRENT_LIST_DIR}/archive.cmake)
set(CPACK_ARCHIVE_ODT_FILE_NAME ${CPACK_PACKAGE_FILE_NAME})
set(CPACK_ARCHIVE_LIBODT-DEV_FILE_NAME libodt-dev-${PROJECT_VERSION})

set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION science)
set(CPACK_DEBIAN_ODT_PACKAGE_NAME odt)
set(CPACK_DEBIAN_ODT_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_ODT_PACKAGE_RECOMMENDS "libfontconfig1, libharfbuzz0b")  # loaded at run time
set(CPACK_DEBIAN_LIBODT-DEV_PACKAGE_NAME libodt-dev)
set(CPACK_DEBIAN_LIBODT-DEV_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_LIBODT-DEV_PACKAGE_ARCHITECTURE all)
string(JOIN ", " CPACK_DEBIAN_LIBODT-DEV_PACKAGE_DEPENDS libxsimd-dev libprotobuf-dev protobuf-compiler libstb-dev
  libcli11-dev libpugixml-dev nlohmann-json3-dev libleveldb-dev libsnappy-dev zlib1g-dev "libboost-dev (>= 1.74)")
set(CPACK_DEBIAN_LIBODT-DEV_PACKAGE_RECOMMENDS "libturbojpeg0-dev, libjpeg-dev, libwebp-dev, libtiff-dev,
  libfontconfig-dev, libharfbuzz-dev, libflatbuffers-dev, cmake (>= 3.25)")
set(CPACK_DEBIAN_LIBODT-DEV_PACKAGE_SUGGESTS libxtensor-dev)
include(CPack)
