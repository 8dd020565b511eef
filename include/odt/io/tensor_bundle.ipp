// SPDX-License-Identifier: MIT
// Reads TensorFlow's V2 checkpoints.
#pragma once

#include <odt/core/error.hpp>
#include <odt/core/target.hpp>
#include <odt/io/checkpoint_source.hpp>
#include <odt/io/crc32c.hpp>
#include <odt/io/sorted_table.ipp>
#include <odt/io/tensor_slices.ipp>

#include <odt/tensor_bundle.pb.h>

#include <algorithm>
#include <map>
#include <string>
#include <utility>

namespace odt::detail {

/// The index is read at once, values when they are asked for.
class tensor_bundle : public checkpoint_source {
 public:
  explicit tensor_bundle(checkpoint_files files) : files_(std::move(files)) {
    const sorted_table index(files_.open(".index"), "the index of a checkpoint");
    index.for_each([&](std::string_view key, std::string_view value) {
      if (shards_ == 0)
        read_header(index, key, value);
      else
        read_entry(index, std::string(key), value);
    });
    if (shards_ == 0) index.fail_damaged("it has no header");
  }

  bool has_values() const override {
    for (int shard = 0; shard < shards_; ++shard)
      if (files_.has(data_ending(shard))) return true;
    return false;
  }

  void read(const tensor_info& tensor, std::span<std::byte> out) const override {
    if (tensor.slices.empty()) return read_stored(tensor, out);
    if (const std::string problem = slices::problem(tensor); !problem.empty()) fail_tensor(tensor, problem);
    for (const tensor_slice& slice : tensor.slices) {
      const auto part = parts_.find(slices::key(tensor.name, slice));
      const std::size_t bytes = slices::elements(tensor, slice) * element_size(tensor.type);
      if (part == parts_.end() || part->second.bytes != bytes || part->second.type != tensor.type)
        fail_tensor(tensor, str("there is no slice ", slices::describe(slice), " of that size"));
      std::vector<std::byte> values(bytes);
      read_stored(part->second, values);
      slices::place(tensor, slice, values, out);
    }
  }

 private:
  std::string data_ending(int shard) const { return shard_name(".data", shard, shards_); }

  [[noreturn]] void fail_tensor(const tensor_info& tensor, const std::string& why) const {
    fail(files_.prefix(), ": \"", tensor.name, "\" (", describe(tensor), ") cannot be put together: ", why);
  }

  void read_header(const sorted_table& index, std::string_view key, std::string_view value) {
    proto::BundleHeader header;
    if (!key.empty() || !header.ParseFromArray(value.data(), static_cast<int>(value.size())))
      index.fail_damaged("it has no header");
    if (header.endianness() != proto::BundleHeader::LITTLE)
      fail(index.path(), ": is big endian, which is not supported");
    if (header.num_shards() < 1) index.fail_damaged(header.num_shards(), " shards");
    shards_ = header.num_shards();
  }

  void read_entry(const sorted_table& index, const std::string& key, std::string_view value) {
    proto::BundleEntry entry;
    const bool is_part = key.starts_with('\0');  // a slice, whose key begins with its tensor's name
    tensor_info tensor;
    tensor.name = is_part ? key.substr(1, key.find('\0', 1) - 1) : key;
    if (!entry.ParseFromArray(value.data(), static_cast<int>(value.size())))
      index.fail_damaged("the entry of \"", tensor.name, "\" cannot be read");
    tensor.type = static_cast<element_type>(entry.dtype());
    for (const auto& dim : entry.shape().dim()) tensor.shape.push_back(dim.size());
    tensor.shard = entry.shard_id();
    tensor.offset = static_cast<std::uint64_t>(entry.offset());
    tensor.bytes = static_cast<std::uint64_t>(entry.size());
    tensor.crc = entry.crc32c();
    for (const auto& slice : entry.slices()) tensor.slices.push_back(slices::to_slice(slice));
    check(index, tensor);
    if (is_part)
      parts_.emplace(key, std::move(tensor));
    else
      tensors_.push_back(std::move(tensor));
  }

  /// Shapes and sizes that later code may rely on.
  void check(const sorted_table& index, tensor_info& tensor) const {
    if (tensor.shard < 0 || tensor.shard >= shards_)
      index.fail_damaged("\"", tensor.name, "\" lies in shard ", tensor.shard, " of ", shards_);
    const std::uint64_t bytes = checked_bytes(index, tensor);
    if (!tensor.slices.empty()) {
      tensor.bytes = bytes;
      tensor.crc.reset();
    } else if (element_size(tensor.type) != 0 && bytes != tensor.bytes) {
      index.fail_damaged("\"", tensor.name, "\", ", describe(tensor), ", has ", tensor.bytes, " bytes");
    }
  }

  void read_stored(const tensor_info& tensor, std::span<std::byte> out) const {
    const auto file = files_.open(data_ending(tensor.shard));
    const std::uint64_t size = file->size();
    if (tensor.bytes > size || tensor.offset > size - tensor.bytes)
      fail(file->path(), ": cut short: \"", tensor.name, "\" takes ", tensor.bytes, " bytes from byte ", tensor.offset,
           ", the file has ", size);
    file->read_at(tensor.offset, {reinterpret_cast<char*>(out.data()), out.size()});
    const std::string_view bytes(reinterpret_cast<const char*>(out.data()), out.size());
    if (tensor.type != element_type::string && masked_crc32c(bytes) != tensor.crc)
      fail(file->path(), ": wrong checksum of \"", tensor.name, "\" (", describe(tensor), ", byte ", tensor.offset,
           "): the file is damaged, or of another checkpoint than its index");
  }

  checkpoint_files files_;
  int shards_ = 0;
  std::map<std::string, tensor_info> parts_;  // slices, by their keys
};

ODT_INLINE std::shared_ptr<const checkpoint_source> open_tensor_bundle(const checkpoint_files& files) {
  return std::make_shared<const tensor_bundle>(files);
}

}  // namespace odt::detail
