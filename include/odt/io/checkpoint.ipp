// SPDX-License-Identifier: MIT
#pragma once

#include <odt/core/error.hpp>
#include <odt/core/target.hpp>
#include <odt/io/checkpoint.hpp>
#include <odt/io/checkpoint_files.hpp>
#include <odt/io/checkpoint_source.hpp>
#include <odt/io/crc32c.hpp>
#include <odt/io/file.hpp>
#include <odt/io/file_system.hpp>

#include <odt/tensor_bundle.pb.h>

#include <leveldb/env.h>
#include <leveldb/options.h>
#include <leveldb/table_builder.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <filesystem>
#include <memory>
#include <utility>

namespace odt {

namespace detail::bundle {

static_assert(std::endian::native == std::endian::little, "checkpoints are little endian");

ODT_INLINE std::string index_path(const std::string& prefix) { return prefix + ".index"; }

ODT_INLINE std::string data_path(const std::string& prefix, int shard, int shards) {
  return shard_name(prefix + ".data", shard, shards);
}

ODT_INLINE std::string serialize(const tensor_info& tensor) {
  proto::BundleEntry entry;
  entry.set_dtype(static_cast<int>(tensor.type));
  entry.mutable_shape();
  for (const std::int64_t extent : tensor.shape) entry.mutable_shape()->add_dim()->set_size(extent);
  entry.set_offset(static_cast<std::int64_t>(tensor.offset));
  entry.set_size(static_cast<std::int64_t>(tensor.bytes));
  entry.set_crc32c(tensor.crc.value_or(0));
  return entry.SerializeAsString();
}

ODT_INLINE std::string serialize_header() {
  proto::BundleHeader header;
  header.set_num_shards(1);
  header.mutable_version()->set_producer(1);
  return header.SerializeAsString();
}

/// The table with the block size that TensorFlow's own index files have.
ODT_INLINE void build_index(const std::string& path, const std::vector<tensor_info>& tensors) {
  leveldb::WritableFile* opened = nullptr;
  const auto must = [&path](const leveldb::Status& status) {
    if (!status.ok()) fail(path, ": cannot write: ", status.ToString());
  };
  must(leveldb::Env::Default()->NewWritableFile(path, &opened));
  const std::unique_ptr<leveldb::WritableFile> file(opened);
  leveldb::Options options;
  options.compression = leveldb::kNoCompression;
  options.block_size = 262144;
  leveldb::TableBuilder table(options, file.get());
  table.Add("", serialize_header());
  for (const tensor_info& tensor : tensors) table.Add(tensor.name, serialize(tensor));
  must(table.Finish());
  must(file->Close());
}

/// A file that is removed with this object.
struct scratch_file {
  explicit scratch_file(std::string name) : path(std::move(name)) {}
  ~scratch_file() { ::unlink(path.c_str()); }
  scratch_file(const scratch_file&) = delete;
  scratch_file& operator=(const scratch_file&) = delete;
  std::string path;
};

/// A name for what leveldb writes: beside `path`, or on this machine where that is elsewhere.
ODT_INLINE std::string scratch_name(const std::string& path) {
  if (!is_remote(path)) return unfinished_name(path);
  return unfinished_name(join_path(std::filesystem::temp_directory_path().string(), "odt.index"));
}

ODT_INLINE std::string_view as_text(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace detail::bundle

namespace detail {

ODT_INLINE std::shared_ptr<const checkpoint_source> open_checkpoint(const checkpoint_files& files) {
  switch (files.format()) {
    case checkpoint_format::tensor_bundle:
      return open_tensor_bundle(files);
    case checkpoint_format::slice_table:
      return open_slice_table(files);
    case checkpoint_format::torch:
      return open_torch_file(files);
    case checkpoint_format::safetensors:
      return open_safetensors(files);
    case checkpoint_format::frozen_graph:
      return open_frozen_graph(files);
  }
  return nullptr;
}

}  // namespace detail

ODT_INLINE std::string to_string(element_type type) {
  switch (type) {
    case element_type::float32:
      return "float32";
    case element_type::float64:
      return "float64";
    case element_type::int32:
      return "int32";
    case element_type::uint8:
      return "uint8";
    case element_type::int16:
      return "int16";
    case element_type::int8:
      return "int8";
    case element_type::string:
      return "string";
    case element_type::int64:
      return "int64";
    case element_type::boolean:
      return "bool";
    case element_type::bfloat16:
      return "bfloat16";
    case element_type::float16:
      return "float16";
  }
  return str("type ", static_cast<int>(type));
}

ODT_INLINE std::size_t element_size(element_type type) {
  switch (type) {
    case element_type::float64:
    case element_type::int64:
      return 8;
    case element_type::float32:
    case element_type::int32:
      return 4;
    case element_type::int16:
    case element_type::bfloat16:
    case element_type::float16:
      return 2;
    case element_type::uint8:
    case element_type::int8:
    case element_type::boolean:
      return 1;
    case element_type::string:
      return 0;
  }
  return 0;
}

ODT_INLINE std::size_t tensor_info::elements() const {
  std::size_t count = 1;
  for (const std::int64_t extent : shape) count *= static_cast<std::size_t>(extent);
  return count;
}

ODT_INLINE std::string describe(const tensor_info& tensor) {
  return str(to_string(tensor.type), " [", join(tensor.shape, ","), "]");
}

// checkpoint_reader

ODT_INLINE checkpoint_reader::checkpoint_reader(const std::string& path) {
  const detail::checkpoint_files files(checkpoint_prefix(path));
  prefix_ = files.prefix();
  path_ = files.path();
  format_ = files.format();
  source_ = detail::open_checkpoint(files);
}

ODT_INLINE checkpoint_reader::checkpoint_reader(std::string prefix, std::string path, checkpoint_format format,
                                                std::shared_ptr<const detail::checkpoint_source> source)
    : prefix_(std::move(prefix)), path_(std::move(path)), format_(format), source_(std::move(source)) {}

ODT_INLINE const std::vector<tensor_info>& checkpoint_reader::tensors() const { return source_->tensors(); }

ODT_INLINE bool checkpoint_reader::has_values() const { return source_->has_values(); }

ODT_INLINE const tensor_info* checkpoint_reader::find(std::string_view name) const {
  const auto at = std::ranges::lower_bound(tensors(), name, {}, &tensor_info::name);
  return at != tensors().end() && at->name == name ? &*at : nullptr;
}

ODT_INLINE const tensor_info& checkpoint_reader::at(std::string_view name) const {
  if (const tensor_info* const tensor = find(name)) return *tensor;
  fail(prefix_, ": has no tensor \"", name, "\"; it has ", tensors().size());
}

ODT_INLINE const tensor_info& checkpoint_reader::expect(std::string_view name, element_type type) const {
  const tensor_info& tensor = at(name);
  if (tensor.type != type)
    fail(prefix_, ": \"", name, "\" is ", to_string(tensor.type), "; ", to_string(type), " is expected");
  return tensor;
}

ODT_INLINE void checkpoint_reader::read_bytes(const tensor_info& tensor, std::span<std::byte> out) const {
  if (out.size() != tensor.bytes)
    fail(prefix_, ": \"", tensor.name, "\" is ", describe(tensor), ", ", tensor.bytes, " bytes; ", out.size(),
         " are expected");
  source_->read(tensor, out);
}

ODT_INLINE std::string checkpoint_reader::read_raw(const tensor_info& tensor) const {
  std::string bytes(tensor.bytes, '\0');
  read_bytes(tensor, std::as_writable_bytes(std::span(bytes)));
  return bytes;
}

// checkpoint_writer

ODT_INLINE checkpoint_writer::checkpoint_writer(std::string prefix)
    : prefix_(std::move(prefix)), data_(detail::bundle::data_path(prefix_, 0, 1)) {}

ODT_INLINE void checkpoint_writer::add_bytes(tensor_info tensor, std::span<const std::byte> values) {
  tensor.bytes = tensor.elements() * element_size(tensor.type);
  if (tensor.bytes != values.size())
    fail(prefix_, ": \"", tensor.name, "\" is ", describe(tensor), ", ", tensor.bytes, " bytes; ", values.size(),
         " are given");
  tensor.crc = masked_crc32c(detail::bundle::as_text(values));
  add_raw(tensor, detail::bundle::as_text(values));
}

ODT_INLINE void checkpoint_writer::add_raw(const tensor_info& tensor, std::string_view bytes) {
  if (tensor.name.empty()) fail(prefix_, ": a tensor without name cannot be written");
  tensor_info& added = tensors_.emplace_back(tensor);
  added.shard = 0;
  added.offset = data_.size();
  added.slices.clear();
  if (!added.crc) added.crc = masked_crc32c(bytes);
  data_.write(bytes);
}

ODT_INLINE void checkpoint_writer::commit() {
  namespace d = detail::bundle;
  std::ranges::sort(tensors_, {}, &tensor_info::name);
  const auto twice = std::ranges::adjacent_find(tensors_, {}, &tensor_info::name);
  if (twice != tensors_.end()) fail(prefix_, ": \"", twice->name, "\" is written twice");
  const d::scratch_file scratch(d::scratch_name(d::index_path(prefix_)));
  d::build_index(scratch.path, tensors_);
  atomic_writer index(d::index_path(prefix_));
  index.write(read_file(scratch.path));
  const std::array<atomic_writer*, 2> both{&data_, &index};
  commit_together(both);
}

ODT_INLINE void remove_checkpoint(const std::string& prefix) {
  remove_file(detail::bundle::index_path(prefix));
  remove_file(prefix + ".meta");
  for (const std::string& path : matching_files(glob_of(prefix) + ".data-*")) remove_file(path);
}

}  // namespace odt
