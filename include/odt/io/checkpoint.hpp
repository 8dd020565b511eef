// SPDX-License-Identifier: MIT
// TensorFlow's checkpoints. V2 ("tensor bundles"), which are read and written: prefix.index, a LevelDB table from
// tensor names to type, shape, place and checksum, and prefix.data-xxxxx-of-yyyyy with the values, little endian, row
// by row. V1, which are read: one LevelDB table with the values in it (Saver before 2017; the classifiers of slim).
// PyTorch's files and .safetensors are read too, with the names and layouts that they have (io/torchvision.hpp knows
// some of them), and the constants of TensorFlow's frozen graphs.
#pragma once

#include <odt/io/checkpoint_format.hpp>
#include <odt/io/file_writer.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace odt {

/// Element types, with TensorFlow's numbers.
enum class element_type : int {
  float32 = 1,
  float64 = 2,
  int32 = 3,
  uint8 = 4,
  int16 = 5,
  int8 = 6,
  string = 7,
  int64 = 9,
  boolean = 10,
  bfloat16 = 14,
  float16 = 19,
};

/// "float32"; "type 8" for one that is not listed.
std::string to_string(element_type type);

/// Bytes of an element; 0 for strings and types that are not listed.
std::size_t element_size(element_type type);

namespace detail {

template <class T>
constexpr element_type element_type_of() {
  if constexpr (std::same_as<T, float>) return element_type::float32;
  if constexpr (std::same_as<T, double>) return element_type::float64;
  if constexpr (std::same_as<T, std::int32_t>) return element_type::int32;
  if constexpr (std::same_as<T, std::uint8_t>) return element_type::uint8;
  if constexpr (std::same_as<T, std::int64_t>) return element_type::int64;
}

}  // namespace detail

/// Types that tensors are read to and written from.
template <class T>
concept checkpoint_element = std::same_as<T, float> || std::same_as<T, double> || std::same_as<T, std::int32_t> ||
                             std::same_as<T, std::uint8_t> || std::same_as<T, std::int64_t>;

namespace detail {

class checkpoint_source;

}  // namespace detail

/// A part of a tensor: where it begins along each dimension, and how long it is there (-1: the whole dimension).
struct tensor_slice {
  std::vector<std::int64_t> start, length;
};

/// One tensor of a checkpoint.
struct tensor_info {
  std::string name;
  element_type type = element_type::float32;
  std::vector<std::int64_t> shape{};
  int shard = 0;
  std::uint64_t offset = 0;  ///< within the shard's data file
  std::uint64_t bytes = 0;
  std::optional<std::uint32_t> crc{};  ///< masked crc32c of the values, where they have one of their own
  std::vector<tensor_slice> slices{};  ///< in which it is stored (partitioned variables, V1); empty: whole

  std::size_t elements() const;
};

/// "float32 [3,3,32,1]"
std::string describe(const tensor_info& tensor);

/// Reads a checkpoint. Checksums, where the format has them, are checked on every read; errors name the file and the
/// tensor.
class checkpoint_reader {
 public:
  /// What checkpoint_prefix takes (io/checkpoint_files.hpp): a prefix (".../model.ckpt-60"), one of its files, a V1
  /// file, a .tar.gz with one of these, a PyTorch file, a .safetensors, a frozen graph, or a directory.
  explicit checkpoint_reader(const std::string& path);

  /// Tensors that are made of those of another checkpoint, whose prefix, path and format are given.
  checkpoint_reader(std::string prefix, std::string path, checkpoint_format format,
                    std::shared_ptr<const detail::checkpoint_source> source);

  /// As messages call it; within an archive "zoo.tar.gz: zoo/model.ckpt".
  const std::string& prefix() const { return prefix_; }
  /// The path of the file that lists the tensors, or of the archive.
  const std::string& path() const { return path_; }
  checkpoint_format format() const { return format_; }
  /// Whether the values are there; an index alone lists the tensors.
  bool has_values() const;

  const std::vector<tensor_info>& tensors() const;       ///< sorted by name
  const tensor_info* find(std::string_view name) const;  ///< null when there is none
  const tensor_info& at(std::string_view name) const;    ///< an error when there is none

  /// The values of a tensor; it must be of that type.
  template <checkpoint_element T>
  std::vector<T> read(std::string_view name) const {
    std::vector<T> values(expect(name, detail::element_type_of<T>()).elements());
    read<T>(name, values);
    return values;
  }

  /// The same into the caller's memory, whose size must be right.
  template <checkpoint_element T>
  void read(std::string_view name, std::span<T> out) const {
    read_bytes(expect(name, detail::element_type_of<T>()), std::as_writable_bytes(out));
  }

  /// The stored bytes of any tensor.
  std::string read_raw(const tensor_info& tensor) const;

 private:
  const tensor_info& expect(std::string_view name, element_type type) const;
  void read_bytes(const tensor_info& tensor, std::span<std::byte> out) const;

  std::string prefix_, path_;
  checkpoint_format format_ = checkpoint_format::tensor_bundle;
  std::shared_ptr<const detail::checkpoint_source> source_;
};

/// Writes a checkpoint in one shard, byte for byte as TensorFlow's BundleWriter does. Values go to the file in the
/// order of the calls (TensorFlow's own: by name). Nothing exists under `prefix` until `commit`.
class checkpoint_writer {
 public:
  explicit checkpoint_writer(std::string prefix);

  template <checkpoint_element T>
  void add(std::string name, std::span<const std::int64_t> shape, std::span<const T> values) {
    tensor_info tensor;
    tensor.name = std::move(name);
    tensor.type = detail::element_type_of<T>();
    tensor.shape.assign(shape.begin(), shape.end());
    add_bytes(std::move(tensor), std::as_bytes(values));
  }

  /// A scalar, e.g. global_step.
  template <checkpoint_element T>
  void add(std::string name, T value) {
    add<T>(std::move(name), {}, std::span<const T>(&value, 1));
  }

  /// A tensor of another checkpoint as it is stored there (checkpoint_reader::read_raw).
  void add_raw(const tensor_info& tensor, std::string_view bytes);

  void commit();

 private:
  void add_bytes(tensor_info tensor, std::span<const std::byte> values);

  std::string prefix_;
  atomic_writer data_;
  std::vector<tensor_info> tensors_;
};

/// Removes prefix.index, prefix.data-* and prefix.meta.
void remove_checkpoint(const std::string& prefix);

}  // namespace odt

#if defined(ODT_HEADER_ONLY)
#include <odt/io/checkpoint.ipp>
#endif
