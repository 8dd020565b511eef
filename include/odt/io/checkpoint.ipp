// SPDX-License-Identifier: MIT
#pragma once

#include <odt/core/error.hpp>
#include <odt/core/target.hpp>
#include <odt/io/checkpoint.hpp>
#include <odt/io/checkpoint_keeper.hpp>
#include <odt/io/crc32c.hpp>

#include <odt/tensor_bundle.pb.h>

#include <leveldb/env.h>
#include <leveldb/iterator.h>
#include <leveldb/options.h>
#include <leveldb/table.h>
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

/// The prefix that a prefix, an index file or a directory means.
ODT_INLINE std::string find_prefix(const std::string& path) {
  if (is_directory(path)) {
    if (const auto newest = latest_checkpoint(path)) return *newest;
    fail(path, ": no checkpoint here; the file \"checkpoint\" of a model directory names the newest");
  }
  if (file_exists(index_path(path))) return path;
  if (path.ends_with(".index") && file_exists(path)) return path.substr(0, path.size() - 6);
  fail(path, ": no checkpoint here: there is no ", index_path(path),
       "; give the path without its ending (model.ckpt-1000) or the directory");
}

[[noreturn]] ODT_INLINE void fail_index(const std::string& path, std::string_view why) {
  fail(path, ": is not the index of a checkpoint, or damaged: ", why);
}

ODT_INLINE void check(const leveldb::Status& status, const std::string& path) {
  if (!status.ok()) fail_index(path, status.ToString());
}

ODT_INLINE tensor_info to_info(std::string name, const proto::BundleEntry& entry) {
  tensor_info tensor;
  tensor.name = std::move(name);
  tensor.type = static_cast<element_type>(entry.dtype());
  for (const auto& dim : entry.shape().dim()) tensor.shape.push_back(dim.size());
  tensor.shard = entry.shard_id();
  tensor.offset = static_cast<std::uint64_t>(entry.offset());
  tensor.bytes = static_cast<std::uint64_t>(entry.size());
  tensor.crc = entry.crc32c();
  tensor.sliced = entry.slices_size() > 0;
  return tensor;
}

/// Shapes and sizes that later code may rely on.
ODT_INLINE void check_entry(const tensor_info& tensor, int shards, const std::string& path) {
  if (tensor.shard < 0 || tensor.shard >= shards)
    fail_index(path, str("\"", tensor.name, "\" lies in shard ", tensor.shard, " of ", shards));
  std::uint64_t elements = 1;
  for (const std::int64_t extent : tensor.shape) {
    if (extent < 0 || __builtin_mul_overflow(elements, static_cast<std::uint64_t>(extent), &elements))
      fail_index(path, str("\"", tensor.name, "\" has the shape [", join(tensor.shape, ","), "]"));
  }
  const std::size_t size = element_size(tensor.type);
  std::uint64_t bytes = 0;
  if (size == 0 || tensor.sliced) return;
  if (__builtin_mul_overflow(elements, std::uint64_t{size}, &bytes) || bytes != tensor.bytes)
    fail_index(path, str("\"", tensor.name, "\", ", describe(tensor), ", has ", tensor.bytes, " bytes"));
}

ODT_INLINE int read_header(const leveldb::Iterator& at, const std::string& path) {
  proto::BundleHeader header;
  if (!at.Valid() || !at.key().empty() ||
      !header.ParseFromArray(at.value().data(), static_cast<int>(at.value().size())))
    fail_index(path, "it has no header");
  if (header.endianness() != proto::BundleHeader::LITTLE) fail(path, ": is big endian, which is not supported");
  if (header.num_shards() < 1) fail_index(path, str(header.num_shards(), " shards"));
  return header.num_shards();
}

struct index {
  int shards = 0;
  std::vector<tensor_info> tensors;
};

ODT_INLINE index read_index(const std::string& path) {
  const std::uint64_t size = file_size(path);
  leveldb::RandomAccessFile* opened = nullptr;
  check(leveldb::Env::Default()->NewRandomAccessFile(path, &opened), path);
  const std::unique_ptr<leveldb::RandomAccessFile> file(opened);
  leveldb::Options options;
  options.paranoid_checks = true;
  leveldb::Table* read = nullptr;
  check(leveldb::Table::Open(options, file.get(), size, &read), path);
  const std::unique_ptr<leveldb::Table> table(read);
  leveldb::ReadOptions how;
  how.verify_checksums = true;
  const std::unique_ptr<leveldb::Iterator> at(table->NewIterator(how));
  at->SeekToFirst();
  check(at->status(), path);
  index result;
  result.shards = read_header(*at, path);
  for (at->Next(); at->Valid(); at->Next()) {
    proto::BundleEntry entry;
    std::string name = at->key().ToString();
    if (!entry.ParseFromArray(at->value().data(), static_cast<int>(at->value().size())))
      fail_index(path, str("the entry of \"", name, "\" cannot be read"));
    if (name.starts_with('\0')) continue;  // a slice of a tensor whose own entry says so
    result.tensors.push_back(to_info(std::move(name), entry));
    check_entry(result.tensors.back(), result.shards, path);
  }
  check(at->status(), path);
  return result;
}

ODT_INLINE std::string serialize(const tensor_info& tensor) {
  proto::BundleEntry entry;
  entry.set_dtype(static_cast<int>(tensor.type));
  entry.mutable_shape();
  for (const std::int64_t extent : tensor.shape) entry.mutable_shape()->add_dim()->set_size(extent);
  entry.set_offset(static_cast<std::int64_t>(tensor.offset));
  entry.set_size(static_cast<std::int64_t>(tensor.bytes));
  entry.set_crc32c(tensor.crc);
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

ODT_INLINE std::string_view as_text(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace detail::bundle

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

ODT_INLINE checkpoint_reader::checkpoint_reader(const std::string& path) : prefix_(detail::bundle::find_prefix(path)) {
  namespace d = detail::bundle;
  auto index = d::read_index(d::index_path(prefix_));
  tensors_ = std::move(index.tensors);
  shards_ = index.shards;
}

ODT_INLINE const tensor_info* checkpoint_reader::find(std::string_view name) const {
  const auto at = std::ranges::lower_bound(tensors_, name, {}, &tensor_info::name);
  return at != tensors_.end() && at->name == name ? &*at : nullptr;
}

ODT_INLINE const tensor_info& checkpoint_reader::at(std::string_view name) const {
  if (const tensor_info* const tensor = find(name)) return *tensor;
  fail(prefix_, ": has no tensor \"", name, "\"; it has ", tensors_.size());
}

ODT_INLINE const tensor_info& checkpoint_reader::expect(std::string_view name, element_type type) const {
  const tensor_info& tensor = at(name);
  if (tensor.type != type)
    fail(prefix_, ": \"", name, "\" is ", to_string(tensor.type), "; ", to_string(type), " is expected");
  return tensor;
}

ODT_INLINE void checkpoint_reader::read_bytes(const tensor_info& tensor, std::span<std::byte> out) const {
  if (tensor.sliced)
    fail(prefix_, ": \"", tensor.name, "\" is stored in slices (a partitioned variable), which is not supported");
  if (out.size() != tensor.bytes)
    fail(prefix_, ": \"", tensor.name, "\" is ", describe(tensor), ", ", tensor.bytes, " bytes; ", out.size(),
         " are expected");
  const input_file file(detail::bundle::data_path(prefix_, tensor.shard, shards_));
  const std::uint64_t size = file.size();
  if (tensor.bytes > size || tensor.offset > size - tensor.bytes)
    fail(file.path(), ": cut short: \"", tensor.name, "\" takes ", tensor.bytes, " bytes from byte ", tensor.offset,
         ", the file has ", size);
  file.read_at(tensor.offset, {reinterpret_cast<char*>(out.data()), out.size()});
  if (tensor.type != element_type::string && masked_crc32c(detail::bundle::as_text(out)) != tensor.crc)
    fail(file.path(), ": wrong checksum of \"", tensor.name, "\" (", describe(tensor), ", byte ", tensor.offset,
         "): the file is damaged, or of another checkpoint than its index");
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
  tensors_.push_back(tensor);
  tensors_.back().shard = 0;
  tensors_.back().offset = data_.size();
  data_.write(bytes);
}

ODT_INLINE void checkpoint_writer::commit() {
  namespace d = detail::bundle;
  std::ranges::sort(tensors_, {}, &tensor_info::name);
  const auto twice = std::ranges::adjacent_find(tensors_, {}, &tensor_info::name);
  if (twice != tensors_.end()) fail(prefix_, ": \"", twice->name, "\" is written twice");
  const d::scratch_file scratch(unfinished_name(d::index_path(prefix_)));
  d::build_index(scratch.path, tensors_);
  atomic_writer index(d::index_path(prefix_));
  index.write(read_file(scratch.path));
  const std::array<atomic_writer*, 2> both{&data_, &index};
  commit_together(both);
}

ODT_INLINE void remove_checkpoint(const std::string& prefix) {
  remove_file(detail::bundle::index_path(prefix));
  remove_file(prefix + ".meta");
  const std::string data = prefix.substr(prefix.rfind('/') + 1) + ".data-";
  const std::string directory = prefix.substr(0, prefix.size() + 6 - data.size());
  for (const auto& entry : std::filesystem::directory_iterator(directory.empty() ? "." : directory))
    if (entry.path().filename().string().starts_with(data)) remove_file(entry.path().string());
}

}  // namespace odt
