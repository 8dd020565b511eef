// SPDX-License-Identifier: MIT
// A shared library that compiles StableHLO and runs it on a device: a PJRT plugin, such as libtpu. What goes wrong in
// it is an odt::error with the plugin's words.
#pragma once

#include <odt/exec/pjrt/module_builder.hpp>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace odt::pjrt {

/// An array in a device's memory.
class device_array {
 public:
  virtual ~device_array() = default;
};

/// Bytes that a program takes on each device, as its compiler says; 0 where it does not.
struct program_memory {
  std::int64_t arguments = 0, outputs = 0, aliased = 0, temporary = 0, code = 0;

  std::int64_t all() const { return arguments + outputs - aliased + temporary + code; }
};

/// A compiled module.
class program {
 public:
  virtual ~program() = default;

  /// Runs the module on one device a replica; [replicas][arguments] and [replicas][results]. Arguments whose memory
  /// results take are gone after it. `meanwhile` is called while the devices work.
  virtual std::vector<std::vector<std::shared_ptr<device_array>>> run(
      const std::vector<std::vector<std::shared_ptr<device_array>>>& arguments,
      const std::function<void()>& meanwhile = {}) = 0;
  virtual program_memory memory() const = 0;
};

/// The devices of a plugin.
class client {
 public:
  virtual ~client() = default;

  virtual std::string platform() const = 0;
  virtual int device_count() const = 0;
  /// Compiles a module in StableHLO's text for so many replicas, one a device; `results` are its results.
  virtual std::unique_ptr<program> compile(const std::string& module, int replicas, std::size_t results) = 0;
  /// An array of that type, from its bytes.
  virtual std::shared_ptr<device_array> upload(element_type type, std::span<const std::byte> bytes,
                                               const extents& shape, int device) = 0;
  std::shared_ptr<device_array> upload(std::span<const float> values, const extents& shape, int device) {
    return upload(element_type::f32, std::as_bytes(values), shape, device);
  }
  virtual void download(const device_array& from, std::span<float> values) = 0;
};

/// Loads a plugin and finds its devices: once, since a process can have a TPU only once, and to its end. A file that is
/// none, of another major version of the interface, or without a device, is an error that says so.
client& load_plugin(const std::filesystem::path& file);

/// What a device of that name ("v5e:2x2") would need of a module, from a plugin that compiles without one.
program_memory compile_for(const std::filesystem::path& plugin, const std::string& topology, const std::string& module,
                           int replicas);

/// The plugin that "tpu" or "pjrt:FILE" means: libtpu.so as $TPU_LIBRARY_PATH says, where Python has it, or where the
/// loader finds it.
std::filesystem::path plugin_of_device(std::string_view device);

}  // namespace odt::pjrt

#if defined(ODT_HEADER_ONLY)
#include <odt/exec/pjrt/plugin.ipp>
#endif
