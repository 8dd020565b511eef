# The targets of odt, defined from its sources in this tree or from an installed copy of them:
#   odt::odt          the headers; needs xsimd
#   odt::support      what no detector parametrizes (formats, config, data, metrics, command line, plain kernels),
#                     compiled once from the .ipp files and .proto files in the tree of whoever uses it
#   odt::header_only  the same without that library: each translation unit compiles all of it (ODT_HEADER_ONLY)
#   odt::native       the instruction set of ODT_ARCH, which odt::support brings with it; for users of the headers alone
# Beside this, cuda.cmake adds odt::cuda, cloud.cmake odt::cloud, grpc.cmake odt::grpc, mpi.cmake odt::mpi and nccl.cmake odt::nccl.
include_guard(GLOBAL)

# One choice for odt::support and for all that link it, since kernels of different instruction sets do not mix: `native`
# (this machine's), or what -march takes (x86-64-v3, haswell, armv8.2-a...). Empty: the compiler's flags say it.
if(CMAKE_CROSSCOMPILING OR CMAKE_CXX_FLAGS MATCHES "-m(arch|cpu)=")
  set(odt_arch "")
else()
  set(odt_arch native)
endif()
set(ODT_ARCH ${odt_arch} CACHE STRING "Instruction set of odt::support and its users (-march=...); empty: the flags'")

get_property(multi_config GLOBAL PROPERTY GENERATOR_IS_MULTI_CONFIG)
if(NOT multi_config AND NOT CMAKE_BUILD_TYPE)
  message(NOTICE "odt: no CMAKE_BUILD_TYPE was given; Release is taken")
  set(CMAKE_BUILD_TYPE Release CACHE STRING "" FORCE)
endif()

# Writes a file of the build tree unless it says just that, so that nothing is compiled again.
function(odt_write_if_changed file text)
  set(old "")
  if(EXISTS ${file})
    file(READ ${file} old)
  endif()
  if(NOT old STREQUAL text)
    file(WRITE ${file} "${text}")
  endif()
endfunction()

# At the end of the whole configuration: who links odt::support has not chosen another instruction set by himself.
function(odt_check_instruction_sets directory)
  get_property(targets DIRECTORY ${directory} PROPERTY BUILDSYSTEM_TARGETS)
  foreach(target IN LISTS targets)
    get_target_property(libraries ${target} LINK_LIBRARIES)
    get_target_property(flags ${target} COMPILE_OPTIONS)
    if(libraries MATCHES "odt(::|_)support" AND flags MATCHES "-m(arch|cpu)=([^;]+)" AND
       NOT CMAKE_MATCH_2 STREQUAL ODT_ARCH)
      message(FATAL_ERROR "${target} is compiled with ${CMAKE_MATCH_0}, the odt::support that it links with "
        "ODT_ARCH=\"${ODT_ARCH}\": their kernels would not fit together. Leave the flag out and configure with "
        "-DODT_ARCH=${CMAKE_MATCH_2}, which reaches both.")
    endif()
  endforeach()
  get_property(directories DIRECTORY ${directory} PROPERTY SUBDIRECTORIES)
  foreach(below IN LISTS directories)
    odt_check_instruction_sets(${below})
  endforeach()
endfunction()
cmake_language(DEFER DIRECTORY ${CMAKE_SOURCE_DIR} CALL odt_check_instruction_sets ${CMAKE_SOURCE_DIR})

function(odt_define_targets include_dir proto_dir)
  if(TARGET odt::odt)
    return()
  endif()
  find_package(Threads REQUIRED)
  find_package(Protobuf CONFIG QUIET)  # newer ones need Abseil, of which CMake's own module does not know
  if(NOT TARGET protobuf::libprotobuf)
    find_package(Protobuf REQUIRED)
  endif()
  find_package(ZLIB REQUIRED)
  find_package(pugixml REQUIRED)
  find_package(nlohmann_json REQUIRED)
  find_package(CLI11 REQUIRED)
  find_package(leveldb REQUIRED)
  find_package(Boost 1.74 REQUIRED)  # headers alone: Asio and Beast
  find_path(ODT_STB_INCLUDE_DIR stb_image.h PATH_SUFFIXES stb REQUIRED)
  find_path(ODT_XSIMD_INCLUDE_DIR xsimd/xsimd.hpp REQUIRED)
  find_library(ODT_TURBOJPEG_LIBRARY turbojpeg)
  find_library(ODT_JPEG_LIBRARY jpeg)
  find_path(ODT_JPEG_INCLUDE_DIR jpeglib.h)
  set(jpeg_parts "")  # libjpeg-turbo's own functions for parts of a picture
  if(ODT_TURBOJPEG_LIBRARY AND ODT_JPEG_LIBRARY AND ODT_JPEG_INCLUDE_DIR)
    file(STRINGS ${ODT_JPEG_INCLUDE_DIR}/jpeglib.h jpeg_parts REGEX jpeg_crop_scanline)
  endif()
  # Pictures that are neither JPEG nor PNG, and the fonts of labels; each where it is found.
  find_package(WebP CONFIG QUIET)
  find_library(ODT_WEBP_LIBRARY webp)
  find_path(ODT_WEBP_INCLUDE_DIR webp/decode.h)
  find_package(TIFF QUIET)
  find_path(ODT_FONTCONFIG_INCLUDE_DIR fontconfig/fontconfig.h)
  find_path(ODT_HARFBUZZ_INCLUDE_DIR harfbuzz/hb.h)
  find_path(ODT_FLATBUFFERS_INCLUDE_DIR flatbuffers/flexbuffers.h)  # headers alone, for .tflite files

  add_library(odt_odt INTERFACE)
  add_library(odt::odt ALIAS odt_odt)
  target_include_directories(odt_odt SYSTEM INTERFACE ${ODT_XSIMD_INCLUDE_DIR})
  target_include_directories(odt_odt INTERFACE ${include_dir})
  target_compile_features(odt_odt INTERFACE cxx_std_20)
  target_compile_options(odt_odt INTERFACE $<$<COMPILE_LANGUAGE:CXX>:-ffp-contract=off>)
  # That pass of clang 16 recurses without end over a broadcast that is read as bfloat16s (AVX-512 BF16).
  set(clang_16 $<AND:$<COMPILE_LANG_AND_ID:CXX,Clang>,$<VERSION_LESS:$<CXX_COMPILER_VERSION>,17>>)
  target_compile_options(odt_odt INTERFACE "$<${clang_16}:SHELL:-mllvm -disable-vector-combine>")
  target_link_libraries(odt_odt INTERFACE Threads::Threads)

  add_library(odt_native INTERFACE)
  add_library(odt::native ALIAS odt_native)
  if(ODT_ARCH)
    target_compile_options(odt_native INTERFACE $<$<COMPILE_LANGUAGE:CXX>:-march=${ODT_ARCH}>)
  endif()

  set(generated ${CMAKE_CURRENT_BINARY_DIR}/odt-support)
  # One unit of all schemas, since they share their headers; what protoc (3 to 36) calls alike in each gets a name of
  # its own.
  set(alike schemas file_default_instances file_message_globals file_reflection_data _static_init2_)
  set(schemas "")
  set(schema_text "")
  file(GLOB_RECURSE protos RELATIVE ${proto_dir} CONFIGURE_DEPENDS ${proto_dir}/odt/*.proto)
  foreach(proto IN LISTS protos)
    string(REGEX REPLACE "\\.proto$" ".pb" stem ${proto})
    string(MAKE_C_IDENTIFIER ${stem} name)
    add_custom_command(
      OUTPUT ${generated}/${stem}.cc ${generated}/${stem}.h
      COMMAND ${CMAKE_COMMAND} -E make_directory ${generated}
      COMMAND protobuf::protoc --proto_path=${proto_dir} --cpp_out=${generated} ${proto_dir}/${proto}
      DEPENDS ${proto_dir}/${proto} VERBATIM)
    list(APPEND schemas ${generated}/${stem}.cc ${generated}/${stem}.h)
    foreach(word IN LISTS alike)
      string(APPEND schema_text "#define ${word} ${word}_${name}\n")
    endforeach()
    string(APPEND schema_text "#include <${stem}.cc>\n")
    foreach(word IN LISTS alike)
      string(APPEND schema_text "#undef ${word}\n")
    endforeach()
  endforeach()
  odt_write_if_changed(${generated}/odt/schemas.cpp "${schema_text}")
  set_source_files_properties(${generated}/odt/schemas.cpp PROPERTIES OBJECT_DEPENDS "${schemas}")

  # Pages that a program serves, as text of the program: a room's page/ becomes <odt/room/page_files.inc>.
  file(GLOB pages RELATIVE ${include_dir}/odt CONFIGURE_DEPENDS ${include_dir}/odt/*/page/*)
  foreach(page IN LISTS pages)
    string(REGEX MATCH "^[^/]*" room ${page})
    get_filename_component(name ${page} NAME)
    file(READ ${include_dir}/odt/${page} text)
    string(APPEND pages_of_${room} "{\"${name}\", R\"odt_page(${text})odt_page\"},\n")
    list(APPEND rooms_with_pages ${room})
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${include_dir}/odt/${page})
  endforeach()
  list(REMOVE_DUPLICATES rooms_with_pages)
  foreach(room IN LISTS rooms_with_pages)
    odt_write_if_changed(${generated}/odt/${room}/page_files.inc "${pages_of_${room}}")
  endforeach()

  # One unit a room, since many small files share the same few large headers; the kernels, which take long, one each.
  file(GLOB_RECURSE files RELATIVE ${include_dir}/odt CONFIGURE_DEPENDS ${include_dir}/odt/*.ipp)
  list(FILTER files EXCLUDE REGEX "^(cloud|distributed/(mpi|nccl)|serve/grpc)/")  # of their own .cmake files
  set(units "")
  foreach(file IN LISTS files)
    if(file MATCHES "^exec/")
      string(REGEX REPLACE "\\.ipp$" "" unit ${file})
    else()
      string(REGEX REPLACE "/.*|\\.ipp$" "" unit ${file})
    endif()
    string(APPEND text_${unit} "#include <odt/${file}>\n")
    list(APPEND units ${unit})
  endforeach()
  list(REMOVE_DUPLICATES units)
  set(sources "")
  foreach(unit IN LISTS units)
    odt_write_if_changed(${generated}/odt/${unit}.cpp "${text_${unit}}")
    list(APPEND sources ${generated}/odt/${unit}.cpp)
  endforeach()
  # Rooms without a loop over pixels, boxes or weights: they take half of the time to compile.
  set_source_files_properties(${generated}/odt/cli.cpp ${generated}/odt/config.cpp ${generated}/odt/http.cpp
    ${generated}/odt/label.cpp ${generated}/odt/serve.cpp ${generated}/odt/train.cpp
    PROPERTIES COMPILE_OPTIONS $<$<NOT:$<CONFIG:Debug>>:-O1>)

  add_library(odt_proto STATIC EXCLUDE_FROM_ALL ${generated}/odt/schemas.cpp)
  target_compile_options(odt_proto PRIVATE -O1)  # a config is read once
  target_include_directories(odt_proto SYSTEM PUBLIC ${generated})
  target_compile_features(odt_proto PUBLIC cxx_std_20)
  target_link_libraries(odt_proto PUBLIC protobuf::libprotobuf)

  set(libraries ZLIB::ZLIB pugixml::pugixml nlohmann_json::nlohmann_json CLI11::CLI11 leveldb::leveldb Boost::headers)
  if(ODT_TURBOJPEG_LIBRARY)
    list(APPEND libraries ${ODT_TURBOJPEG_LIBRARY})
  endif()
  if(jpeg_parts)
    list(APPEND libraries ${ODT_JPEG_LIBRARY})
  endif()
  set(io_parts "")
  if(TARGET WebP::webp)
    list(APPEND libraries WebP::webp)
    list(APPEND io_parts ODT_HAS_WEBP)
  elseif(ODT_WEBP_LIBRARY AND ODT_WEBP_INCLUDE_DIR)
    list(APPEND libraries ${ODT_WEBP_LIBRARY})
    list(APPEND io_parts ODT_HAS_WEBP)
  endif()
  if(TARGET TIFF::TIFF)
    list(APPEND libraries TIFF::TIFF)
    list(APPEND io_parts ODT_HAS_TIFF)
  endif()
  list(APPEND libraries ${CMAKE_DL_LIBS})  # loads these two at run time
  if(ODT_FONTCONFIG_INCLUDE_DIR)
    list(APPEND io_parts ODT_HAS_FONTCONFIG)
  endif()
  if(ODT_HARFBUZZ_INCLUDE_DIR)
    list(APPEND io_parts ODT_HAS_HARFBUZZ)
  endif()
  set_source_files_properties(${generated}/odt/io.cpp PROPERTIES COMPILE_DEFINITIONS "${io_parts}")
  set(export_parts "")
  set(export_includes "")
  if(ODT_FLATBUFFERS_INCLUDE_DIR)
    set(export_parts ODT_HAS_FLATBUFFERS)
    set(export_includes ${ODT_FLATBUFFERS_INCLUDE_DIR})
  endif()
  set_source_files_properties(${generated}/odt/export.cpp PROPERTIES COMPILE_DEFINITIONS "${export_parts}")

  add_library(odt_support STATIC EXCLUDE_FROM_ALL ${sources})
  add_library(odt::support ALIAS odt_support)
  target_include_directories(odt_support SYSTEM PUBLIC ${ODT_STB_INCLUDE_DIR} PRIVATE ${export_includes})
  target_link_libraries(odt_support PUBLIC odt_odt odt_native odt_proto PRIVATE ${libraries})
  # Where a kernel's loop begins within a cache line would otherwise follow from unrelated code: 3 % of a train step.
  target_compile_options(odt_support PRIVATE $<$<CXX_COMPILER_ID:GNU>:-falign-loops=64;-falign-functions=64>)

  add_library(odt_header_only INTERFACE)
  add_library(odt::header_only ALIAS odt_header_only)
  target_include_directories(odt_header_only SYSTEM INTERFACE ${ODT_STB_INCLUDE_DIR} ${export_includes})
  target_link_libraries(odt_header_only INTERFACE odt_odt odt_proto ${libraries})
  target_compile_definitions(odt_header_only INTERFACE ODT_HEADER_ONLY ${io_parts} ${export_parts})

  if(ODT_TURBOJPEG_LIBRARY)
    target_compile_definitions(odt_support PRIVATE ODT_HAS_TURBOJPEG)
    target_compile_definitions(odt_header_only INTERFACE ODT_HAS_TURBOJPEG)
  endif()
  if(jpeg_parts)
    target_compile_definitions(odt_support PRIVATE ODT_HAS_JPEGLIB)
    target_compile_definitions(odt_header_only INTERFACE ODT_HAS_JPEGLIB)
  endif()
endfunction()
