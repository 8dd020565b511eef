// SPDX-License-Identifier: MIT
#pragma once

#include <odt/core/error.hpp>
#include <odt/core/human.hpp>
#include <odt/core/target.hpp>
#include <odt/core/text.hpp>
#include <odt/exec/pjrt/c_api.hpp>
#include <odt/exec/pjrt/plugin.hpp>

#include <dlfcn.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <mutex>
#include <utility>

namespace odt::pjrt {

namespace detail {

/// A plugin's table of functions. Plugins are never unloaded: their threads may outlive whoever loaded them.
class interface {
 public:
  explicit interface(const std::filesystem::path& path) : file_(path.string()) {
    void* const library = dlopen(file_.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (!library) {
      const char* const why = dlerror();
      fail(file_, ": cannot be loaded as a PJRT plugin: ", why ? why : "no reason was given",
           "; for a TPU, pip install libtpu or say where it is in TPU_LIBRARY_PATH; for others, give the plugin's "
           "shared ",
           "library: --device pjrt:FILE");
    }
    using getter = const api_table* (*)();
    const auto get = reinterpret_cast<getter>(dlsym(library, "GetPjrtApi"));
    if (!get) fail(file_, ": is a shared library, but no PJRT plugin (it has no GetPjrtApi)");
    table_ = get();
    if (!table_) fail(file_, ": its GetPjrtApi gives nothing");
    if (table_->version.major != 0)
      fail(file_, ": speaks version ", table_->version.major, ".", table_->version.minor,
           " of the PJRT interface, and odt 0.x; take a plugin of another release");
    initialize_arguments initialize;
    call(api_function::plugin_initialize, initialize, "it does not start");
  }

  /// Calls a function of the plugin; `doing` says what was wanted, should it fail.
  template <class Arguments>
  void call(api_function function, Arguments& arguments, std::string_view doing) const {
    using signature = plugin_error* (*)(Arguments*);
    if (plugin_error* const error = reinterpret_cast<signature>(at(function))(&arguments)) fail_with(error, doing);
  }

  /// Frees what a handle stands for.
  template <class Arguments>
  void free(api_function function, Arguments arguments) const {
    using signature = plugin_error* (*)(Arguments*);
    if (plugin_error* const error = reinterpret_cast<signature>(at(function))(&arguments)) forget(error);
  }

  void await(plugin_event* event, std::string_view doing) const {
    if (!event) return;
    event_arguments arguments;
    arguments.event = event;
    using signature = plugin_error* (*)(event_arguments*);
    plugin_error* const error = reinterpret_cast<signature>(at(api_function::event_await))(&arguments);
    free(api_function::event_destroy, arguments);
    if (error) fail_with(error, doing);
  }

  const std::string& file() const { return file_; }

 private:
  void* at(api_function function) const {
    const auto number = static_cast<std::size_t>(function);
    const std::size_t end = offsetof(api_table, functions) + (number + 1) * sizeof(void*);
    if (table_->struct_size < end || !table_->functions[number])
      fail(file_, ": version ", table_->version.major, ".", table_->version.minor,
           " of the PJRT interface lacks a function (number ", number, ") that is needed; take a newer plugin");
    return table_->functions[number];
  }

  void forget(plugin_error* error) const {
    error_arguments gone;
    gone.error = error;
    reinterpret_cast<void (*)(error_arguments*)>(at(api_function::error_destroy))(&gone);
  }

  [[noreturn]] void fail_with(plugin_error* error, std::string_view doing) const {
    error_message_arguments said;
    said.error = error;
    reinterpret_cast<void (*)(error_message_arguments*)>(at(api_function::error_message))(&said);
    const std::string words(said.message, said.message_size);
    forget(error);
    fail(file_, ": ", doing, ": ", words);
  }

  std::string file_;
  const api_table* table_ = nullptr;
};

/// A serialized CompileOptionsProto: executable_build_options (3) with num_replicas (4) and num_partitions (5).
ODT_INLINE std::string compile_options(int replicas) {
  const std::string build{'\x20', static_cast<char>(replicas), '\x28', '\x01'};
  return std::string{'\x1A', static_cast<char>(build.size())} + build;
}

ODT_INLINE program_arguments program_of(const std::string& module) {
  static constexpr std::string_view format = "mlir";
  program_arguments program;
  program.code = const_cast<char*>(module.data()), program.code_size = module.size();
  program.format = format.data(), program.format_size = format.size();
  return program;
}

ODT_INLINE program_memory memory_of(const interface& plugin, plugin_executable* executable) {
  memory_arguments memory;
  memory.executable = executable;
  try {
    plugin.call(api_function::executable_memory, memory, "does not say what memory it needs");
  } catch (const error&) {
    return {};
  }
  return {memory.arguments, memory.outputs, memory.aliased, memory.temporary, memory.code};
}

ODT_INLINE buffer_type buffer_type_of(element_type type) {
  if (type == element_type::f32) return buffer_type::f32;
  if (type == element_type::u8) return buffer_type::u8;
  fail("PJRT: arrays of numbers or bytes can be sent, and no others");
}

class plugin_array final : public device_array {
 public:
  plugin_array(std::shared_ptr<const interface> plugin, plugin_buffer* buffer)
      : plugin_(std::move(plugin)), buffer_(buffer) {}
  plugin_array(const plugin_array&) = delete;
  plugin_array& operator=(const plugin_array&) = delete;
  ~plugin_array() override {
    buffer_arguments gone;
    gone.buffer = buffer_;
    plugin_->free(api_function::buffer_destroy, gone);
  }
  plugin_buffer* get() const { return buffer_; }

 private:
  std::shared_ptr<const interface> plugin_;
  plugin_buffer* buffer_;
};

class plugin_program final : public program {
 public:
  plugin_program(std::shared_ptr<const interface> plugin, plugin_loaded_executable* loaded, std::size_t results)
      : plugin_(std::move(plugin)), loaded_(loaded), results_(results) {}
  plugin_program(const plugin_program&) = delete;
  plugin_program& operator=(const plugin_program&) = delete;
  ~plugin_program() override {
    loaded_executable_arguments gone;
    gone.executable = loaded_;
    plugin_->free(api_function::loaded_executable_destroy, gone);
  }

  using arrays = std::vector<std::vector<std::shared_ptr<device_array>>>;

  arrays run(const arrays& arguments, const std::function<void()>& meanwhile) override {
    const std::size_t devices = arguments.size();
    std::vector<std::vector<plugin_buffer*>> in(devices), out(devices, std::vector<plugin_buffer*>(results_));
    std::vector<plugin_buffer* const*> in_lists;
    std::vector<plugin_buffer**> out_lists;
    for (std::size_t d = 0; d < devices; ++d) {
      for (const auto& array : arguments[d]) in[d].push_back(static_cast<const plugin_array&>(*array).get());
      in_lists.push_back(in[d].data());
      out_lists.push_back(out[d].data());
    }
    std::vector<plugin_event*> done(devices);
    execute_options options;
    execute_arguments run;
    run.executable = loaded_, run.options = &options;
    run.argument_lists = in_lists.data(), run.output_lists = out_lists.data();
    run.device_count = devices, run.argument_count = in[0].size();
    run.device_complete = done.data();
    plugin_->call(api_function::loaded_executable_execute, run, "the step cannot be run");
    arrays results(devices);
    for (std::size_t d = 0; d < devices; ++d)
      for (plugin_buffer* const buffer : out[d]) results[d].push_back(std::make_shared<plugin_array>(plugin_, buffer));
    if (meanwhile) meanwhile();
    for (plugin_event* const event : done) plugin_->await(event, "the step failed");
    return results;
  }

  program_memory memory() const override {
    get_executable_arguments get;
    get.loaded = loaded_;
    plugin_->call(api_function::loaded_executable_get_executable, get, "does not give what it compiled");
    const program_memory memory = memory_of(*plugin_, get.executable);
    executable_arguments gone;
    gone.executable = get.executable;
    plugin_->free(api_function::executable_destroy, gone);
    return memory;
  }

 private:
  std::shared_ptr<const interface> plugin_;
  plugin_loaded_executable* loaded_;
  std::size_t results_;
};

class plugin_devices final : public client {
 public:
  explicit plugin_devices(const std::filesystem::path& file) : plugin_(std::make_shared<interface>(file)) {
    client_create_arguments create;
    plugin_->call(api_function::client_create, create, "finds no device to run on");
    client_ = create.client;
    devices_arguments all;
    all.client = client_;
    plugin_->call(api_function::client_addressable_devices, all, "does not name its devices");
    devices_.assign(all.devices, all.devices + all.device_count);
    if (devices_.empty()) fail(plugin_->file(), ": has no device");
  }
  std::string platform() const override {
    platform_name_arguments named;
    named.client = client_;
    plugin_->call(api_function::client_platform_name, named, "does not say its name");
    return {named.name, named.name_size};
  }

  int device_count() const override { return static_cast<int>(devices_.size()); }

  std::unique_ptr<program> compile(const std::string& module, int replicas, std::size_t results) override {
    if (replicas > device_count())
      fail(plugin_->file(), ": has ", counted(std::int64_t{device_count()}, "device"), ", too few for ", replicas,
           " shards, one each; train with --shards ", device_count());
    const std::string options = compile_options(replicas);
    const program_arguments code = program_of(module);
    client_compile_arguments compile;
    compile.client = client_, compile.program = &code;
    compile.options = options.data(), compile.options_size = options.size();
    plugin_->call(api_function::client_compile, compile, "does not compile the step");
    return std::make_unique<plugin_program>(plugin_, compile.executable, results);
  }

  using client::upload;
  std::shared_ptr<device_array> upload(element_type type, std::span<const std::byte> bytes, const extents& shape,
                                       int device) override {
    buffer_from_host_arguments from;
    from.client = client_, from.data = bytes.data();
    from.type = buffer_type_of(type);
    from.extents = shape.data(), from.rank = shape.size();
    from.device = devices_[static_cast<std::size_t>(device)];
    plugin_->call(api_function::client_buffer_from_host, from, "takes no more arrays");
    plugin_->await(from.done_with_host_buffer, "an array cannot be sent");
    return std::make_shared<plugin_array>(plugin_, from.buffer);
  }

  void download(const device_array& array, std::span<float> values) override {
    buffer_to_host_arguments to;
    to.buffer = static_cast<const plugin_array&>(array).get();
    to.to = values.data(), to.to_size = values.size_bytes();
    plugin_->call(api_function::buffer_to_host, to, "an array cannot be read");
    plugin_->await(to.event, "an array cannot be read");
  }

 private:
  std::shared_ptr<const interface> plugin_;
  plugin_client* client_ = nullptr;
  std::vector<plugin_device*> devices_;
};

/// libtpu.so where Python's packages lie.
ODT_INLINE std::filesystem::path python_libtpu() {
  for (const char* root : {"/usr/lib", "/usr/local/lib"}) {
    std::error_code none;
    for (const auto& python : std::filesystem::directory_iterator(root, none))
      for (const char* packages : {"dist-packages", "site-packages"})
        if (const auto file = python.path() / packages / "libtpu" / "libtpu.so"; std::filesystem::exists(file, none))
          return file;
  }
  return {};
}

}  // namespace detail

ODT_INLINE client& load_plugin(const std::filesystem::path& file) {
  static std::mutex mutex;
  static auto& loaded = *new std::map<std::string, detail::plugin_devices*>;  // their threads may outlive main()
  const std::lock_guard lock(mutex);
  detail::plugin_devices*& known = loaded[file.string()];
  if (!known) known = new detail::plugin_devices(file);
  return *known;
}

ODT_INLINE program_memory compile_for(const std::filesystem::path& file, const std::string& topology,
                                      const std::string& module, int replicas) {
  const detail::interface plugin(file);
  topology_create_arguments create;
  create.name = topology.data(), create.name_size = topology.size();
  plugin.call(api_function::topology_create, create, str("does not know the devices ", topology));
  const std::string options = detail::compile_options(replicas);
  const program_arguments code = detail::program_of(module);
  compile_arguments compile;
  compile.topology = create.topology, compile.program = &code;
  compile.options = options.data(), compile.options_size = options.size();
  plugin.call(api_function::compile, compile, str("does not compile the step for ", topology));
  const program_memory memory = detail::memory_of(plugin, compile.executable);
  executable_arguments gone;
  gone.executable = compile.executable;
  plugin.free(api_function::executable_destroy, gone);
  topology_arguments gone_too;
  gone_too.topology = create.topology;
  plugin.free(api_function::topology_destroy, gone_too);
  return memory;
}

ODT_INLINE std::filesystem::path plugin_of_device(std::string_view device) {
  if (device.starts_with("pjrt:")) {
    const std::filesystem::path file(device.substr(5));
    if (!std::filesystem::exists(file)) fail("--device ", device, ": there is no file ", file.string());
    return file;
  }
  if (const char* said = std::getenv("TPU_LIBRARY_PATH")) return said;
  if (const auto found = detail::python_libtpu(); !found.empty()) return found;
  return "libtpu.so";
}

}  // namespace odt::pjrt
