// SPDX-License-Identifier: MIT
// The part of the PJRT C API (OpenXLA's pjrt_c_api.h, major version 0) that a train step needs: the places of its
// functions in a plugin's table, and what they are given. A plugin reads as much of an argument as `struct_size` says.
#pragma once

#include <cstddef>
#include <cstdint>

namespace odt::pjrt {

/// Handles; what they point to is the plugin's.
struct plugin_error;
struct plugin_event;
struct plugin_client;
struct plugin_device;
struct plugin_buffer;
struct plugin_executable;         ///< compiled
struct plugin_loaded_executable;  ///< compiled for devices that are there
struct plugin_topology;

struct api_version {
  std::size_t struct_size = 0;
  void* extensions = nullptr;
  int major = 0, minor = 0;
};

/// What a plugin's GetPjrtApi() points to.
struct api_table {
  std::size_t struct_size = 0;
  void* extensions = nullptr;
  api_version version;
  void* functions[1];  ///< as many as struct_size has room for
};

/// Places in api_table::functions.
enum class api_function : std::size_t {
  error_destroy = 0,
  error_message = 1,
  plugin_initialize = 3,
  event_destroy = 5,
  event_await = 8,
  client_create = 10,
  client_platform_name = 12,
  client_addressable_devices = 16,
  client_compile = 20,
  client_buffer_from_host = 22,
  executable_destroy = 40,
  loaded_executable_destroy = 50,
  loaded_executable_get_executable = 51,
  loaded_executable_execute = 55,
  buffer_destroy = 58,
  buffer_to_host = 70,
  topology_create = 82,
  topology_destroy = 83,
  compile = 89,
  executable_memory = 96
};

enum class buffer_type : int { boolean = 1, i32 = 4, u8 = 6, f32 = 11 };
enum class host_buffer_semantics : int { immutable_only_during_call = 0 };

/// The beginning of every argument.
template <class Arguments>
struct arguments_of {
  std::size_t struct_size = sizeof(Arguments);
  void* extensions = nullptr;
};

struct error_arguments : arguments_of<error_arguments> {
  plugin_error* error = nullptr;
};
struct error_message_arguments : arguments_of<error_message_arguments> {
  const plugin_error* error = nullptr;
  const char* message = nullptr;
  std::size_t message_size = 0;
};
struct initialize_arguments : arguments_of<initialize_arguments> {};
struct event_arguments : arguments_of<event_arguments> {
  plugin_event* event = nullptr;
};
struct client_create_arguments : arguments_of<client_create_arguments> {
  const void* options = nullptr;
  std::size_t option_count = 0;
  void* key_value_get = nullptr;
  void* key_value_get_argument = nullptr;
  void* key_value_put = nullptr;
  void* key_value_put_argument = nullptr;
  plugin_client* client = nullptr;
  void* key_value_try_get = nullptr;
  void* key_value_try_get_argument = nullptr;
};
struct platform_name_arguments : arguments_of<platform_name_arguments> {
  plugin_client* client = nullptr;
  const char* name = nullptr;
  std::size_t name_size = 0;
};
struct devices_arguments : arguments_of<devices_arguments> {
  plugin_client* client = nullptr;
  plugin_device* const* devices = nullptr;
  std::size_t device_count = 0;
};
struct program_arguments : arguments_of<program_arguments> {
  char* code = nullptr;
  std::size_t code_size = 0;
  const char* format = nullptr;
  std::size_t format_size = 0;
};
struct client_compile_arguments : arguments_of<client_compile_arguments> {
  plugin_client* client = nullptr;
  const program_arguments* program = nullptr;
  const char* options = nullptr;  ///< a serialized CompileOptionsProto
  std::size_t options_size = 0;
  plugin_loaded_executable* executable = nullptr;
};
struct buffer_from_host_arguments : arguments_of<buffer_from_host_arguments> {
  plugin_client* client = nullptr;
  const void* data = nullptr;
  buffer_type type = buffer_type::f32;
  const std::int64_t* extents = nullptr;
  std::size_t rank = 0;
  const std::int64_t* byte_strides = nullptr;  ///< null: dense, row-major
  std::size_t byte_stride_count = 0;
  host_buffer_semantics semantics = host_buffer_semantics::immutable_only_during_call;
  plugin_device* device = nullptr;
  void* memory = nullptr;
  void* layout = nullptr;
  plugin_event* done_with_host_buffer = nullptr;
  plugin_buffer* buffer = nullptr;
};
struct loaded_executable_arguments : arguments_of<loaded_executable_arguments> {
  plugin_loaded_executable* executable = nullptr;
};
struct get_executable_arguments : arguments_of<get_executable_arguments> {
  plugin_loaded_executable* loaded = nullptr;
  plugin_executable* executable = nullptr;
};
struct executable_arguments : arguments_of<executable_arguments> {
  plugin_executable* executable = nullptr;
};
struct execute_options : arguments_of<execute_options> {
  void* send_callbacks = nullptr;
  void* receive_callbacks = nullptr;
  std::size_t send_count = 0;
  std::size_t receive_count = 0;
  int launch_id = 0;
  const std::int64_t* not_donated = nullptr;
  std::size_t not_donated_count = 0;
  void* context = nullptr;
  const char* call_location = nullptr;
  std::size_t task_count = 0;
  int* tasks = nullptr;
  std::int64_t* incarnations = nullptr;
};
struct execute_arguments : arguments_of<execute_arguments> {
  plugin_loaded_executable* executable = nullptr;
  execute_options* options = nullptr;
  plugin_buffer* const* const* argument_lists = nullptr;  ///< [devices][arguments]
  std::size_t device_count = 0;
  std::size_t argument_count = 0;
  plugin_buffer** const* output_lists = nullptr;  ///< [devices][outputs]
  plugin_event** device_complete = nullptr;
  plugin_device* execute_device = nullptr;
};
struct buffer_arguments : arguments_of<buffer_arguments> {
  plugin_buffer* buffer = nullptr;
};
struct buffer_to_host_arguments : arguments_of<buffer_to_host_arguments> {
  plugin_buffer* buffer = nullptr;
  void* layout = nullptr;
  void* to = nullptr;
  std::size_t to_size = 0;
  plugin_event* event = nullptr;
};
struct topology_create_arguments : arguments_of<topology_create_arguments> {
  const char* name = nullptr;
  std::size_t name_size = 0;
  const void* options = nullptr;
  std::size_t option_count = 0;
  plugin_topology* topology = nullptr;
};
struct topology_arguments : arguments_of<topology_arguments> {
  plugin_topology* topology = nullptr;
};
struct compile_arguments : arguments_of<compile_arguments> {
  const plugin_topology* topology = nullptr;
  const program_arguments* program = nullptr;
  const char* options = nullptr;
  std::size_t options_size = 0;
  plugin_client* client = nullptr;
  plugin_executable* executable = nullptr;
};
struct memory_arguments : arguments_of<memory_arguments> {
  plugin_executable* executable = nullptr;
  std::int64_t code = 0, arguments = 0, outputs = 0, aliased = 0, temporary = 0;  ///< bytes, on a device
  std::int64_t host_code = 0, host_arguments = 0, host_outputs = 0, host_aliased = 0, host_temporary = 0;
  std::int64_t peak = 0;
};

}  // namespace odt::pjrt
