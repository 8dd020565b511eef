# The targets of odt, defined from its sources in this tree or from an installed copy of them:
#   odt::odt          the headers; needs xsimd
#   odt::support      what no detector parametrizes (formats, config, data, metrics, command line, plain kernels),
#                     compiled once from the .ipp files and .proto files in the tree of whoever uses it
#   odt::header_only  the same without that library: each translation unit compiles all of it (ODT_HEADER_ONLY)
#   odt::native       -march=native; a program and its odt::support share one instruction set
# cuda.cmake beside this adds odt::cuda.
include_guard(GLOBAL)

function(odt_define_targets include_dir proto_dir)
  find_package(Threads REQUIRED)
  find_package(Protobuf REQUIRED)
  find_package(ZLIB REQUIRED)
  find_package(pugixml REQUIRED)
  find_package(nlohmann_json REQUIRED)
  find_package(CLI11 REQUIRED)
  find_package(leveldb REQUIRED)
  find_path(ODT_STB_INCLUDE_DIR stb_image.h PATH_SUFFIXES stb REQUIRED)
  find_path(ODT_XSIMD_INCLUDE_DIR xsimd/xsimd.hpp REQUIRED)
  find_library(ODT_TURBOJPEG_LIBRARY turbojpeg)
  find_library(ODT_JPEG_LIBRARY jpeg)
  find_path(ODT_JPEG_INCLUDE_DIR jpeglib.h)
  set(jpeg_parts "")  # libjpeg-turbo's own functions for parts of a picture
  if(ODT_TURBOJPEG_LIBRARY AND ODT_JPEG_LIBRARY AND ODT_JPEG_INCLUDE_DIR)
    file(STRINGS ${ODT_JPEG_INCLUDE_DIR}/jpeglib.h jpeg_parts REGEX jpeg_crop_scanline)
  endif()

  add_library(odt_odt INTERFACE)
  add_library(odt::odt ALIAS odt_odt)
  target_include_directories(odt_odt SYSTEM INTERFACE ${ODT_XSIMD_INCLUDE_DIR})
  target_include_directories(odt_odt INTERFACE ${include_dir})
  target_compile_features(odt_odt INTERFACE cxx_std_20)
  target_compile_options(odt_odt INTERFACE $<$<COMPILE_LANGUAGE:CXX>:-ffp-contract=off>)
  target_link_libraries(odt_odt INTERFACE Threads::Threads)

  add_library(odt_native INTERFACE)
  add_library(odt::native ALIAS odt_native)
  target_compile_options(odt_native INTERFACE $<$<COMPILE_LANGUAGE:CXX>:-march=native>)

  set(generated ${CMAKE_CURRENT_BINARY_DIR}/odt-support)
  set(schemas "")
  file(GLOB_RECURSE protos RELATIVE ${proto_dir} CONFIGURE_DEPENDS ${proto_dir}/odt/*.proto)
  foreach(proto IN LISTS protos)
    string(REGEX REPLACE "\\.proto$" ".pb" stem ${proto})
    add_custom_command(
      OUTPUT ${generated}/${stem}.cc ${generated}/${stem}.h
      COMMAND ${CMAKE_COMMAND} -E make_directory ${generated}
      COMMAND protobuf::protoc --proto_path=${proto_dir} --cpp_out=${generated} ${proto_dir}/${proto}
      DEPENDS ${proto_dir}/${proto} VERBATIM)
    list(APPEND schemas ${generated}/${stem}.cc)
  endforeach()

  set(sources "")
  file(GLOB_RECURSE units RELATIVE ${include_dir} CONFIGURE_DEPENDS ${include_dir}/odt/*.ipp)
  foreach(unit IN LISTS units)
    string(REGEX REPLACE "\\.ipp$" ".cpp" source ${unit})
    set(text "#include <${unit}>\n")
    set(file ${generated}/${source})
    if(EXISTS ${file})
      file(READ ${file} old)
    else()
      set(old "")
    endif()
    if(NOT old STREQUAL text)
      file(WRITE ${file} ${text})
    endif()
    list(APPEND sources ${file})
  endforeach()

  add_library(odt_proto STATIC EXCLUDE_FROM_ALL ${schemas})
  target_compile_options(odt_proto PRIVATE -O1)  # a config is read once
  target_include_directories(odt_proto SYSTEM PUBLIC ${generated})
  target_compile_features(odt_proto PUBLIC cxx_std_20)
  target_link_libraries(odt_proto PUBLIC protobuf::libprotobuf)

  set(libraries ZLIB::ZLIB pugixml::pugixml nlohmann_json::nlohmann_json CLI11::CLI11 leveldb::leveldb)
  if(ODT_TURBOJPEG_LIBRARY)
    list(APPEND libraries ${ODT_TURBOJPEG_LIBRARY})
  endif()
  if(jpeg_parts)
    list(APPEND libraries ${ODT_JPEG_LIBRARY})
  endif()

  # The same few large headers serve many small units: a third of the time when eight are compiled together.
  add_library(odt_support STATIC EXCLUDE_FROM_ALL ${sources})
  set_target_properties(odt_support PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 8)
  add_library(odt::support ALIAS odt_support)
  target_include_directories(odt_support SYSTEM PUBLIC ${ODT_STB_INCLUDE_DIR})
  target_link_libraries(odt_support PUBLIC odt_odt odt_proto PRIVATE ${libraries})
  # Where a kernel's loop begins within a cache line would otherwise follow from unrelated code: 3 % of a train step.
  target_compile_options(odt_support PRIVATE $<$<CXX_COMPILER_ID:GNU>:-falign-loops=64;-falign-functions=64>)

  add_library(odt_header_only INTERFACE)
  add_library(odt::header_only ALIAS odt_header_only)
  target_include_directories(odt_header_only SYSTEM INTERFACE ${ODT_STB_INCLUDE_DIR})
  target_link_libraries(odt_header_only INTERFACE odt_odt odt_proto ${libraries})
  target_compile_definitions(odt_header_only INTERFACE ODT_HEADER_ONLY)

  if(ODT_TURBOJPEG_LIBRARY)
    target_compile_definitions(odt_support PRIVATE ODT_HAS_TURBOJPEG)
    target_compile_definitions(odt_header_only INTERFACE ODT_HAS_TURBOJPEG)
  endif()
  if(jpeg_parts)
    target_compile_definitions(odt_support PRIVATE ODT_HAS_JPEGLIB)
    target_compile_definitions(odt_header_only INTERFACE ODT_HAS_JPEGLIB)
  endif()
endfunction()
