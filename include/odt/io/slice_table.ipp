// SPDX-License-Identifier: MIT
// Reads TensorFlow's V1 checkpoints: one table, whose first entry lists the tensors, and each other holds a slice.
#pragma once

#include <odt/core/error.hpp>
#include <odt/core/target.hpp>
#include <odt/io/checkpoint_source.hpp>
#include <odt/io/sorted_table.ipp>
#include <odt/io/tensor_slices.ipp>

#include <odt/saved_tensor_slice.pb.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>

namespace odt::detail {

class slice_table : public checkpoint_source {
 public:
  explicit slice_table(const checkpoint_files& files) : table_(files.open(""), "a V1 checkpoint") {
    proto::SavedTensorSlices first;
    const bool listed =
        table_.find("", [&](std::string_view value) { first = parse(value, "the list of its tensors"); });
    if (!listed || !first.has_meta()) table_.fail_damaged("it does not list its tensors");
    for (const auto& tensor : first.meta().tensor()) tensors_.push_back(to_info(tensor));
    std::ranges::sort(tensors_, {}, &tensor_info::name);
  }

  bool has_values() const override { return true; }

  void read(const tensor_info& tensor, std::span<std::byte> out) const override {
    if (element_size(tensor.type) == 0) fail_tensor(tensor, "values of that type are not read from V1 checkpoints");
    if (const std::string problem = slices::problem(tensor); !problem.empty()) fail_tensor(tensor, problem);
    for (const tensor_slice& slice : tensor.slices) {
      const std::string place = str("slice ", slices::describe(slice));
      const bool found = table_.find(slices::key(tensor.name, slice), [&](std::string_view value) {
        read_slice(tensor, slice, parse(value, place), out);
      });
      if (!found) fail_tensor(tensor, place + " is missing");
    }
  }

 private:
  [[noreturn]] void fail_tensor(const tensor_info& tensor, const std::string& why) const {
    fail(table_.path(), ": \"", tensor.name, "\" (", describe(tensor), ") cannot be read: ", why);
  }

  proto::SavedTensorSlices parse(std::string_view value, const std::string& what) const {
    proto::SavedTensorSlices message;
    if (!message.ParseFromArray(value.data(), static_cast<int>(value.size())))
      table_.fail_damaged(what, " cannot be parsed");
    return message;
  }

  tensor_info to_info(const proto::SavedSliceMeta& meta) const {
    tensor_info tensor;
    tensor.name = meta.name();
    tensor.type = static_cast<element_type>(meta.type());
    for (const auto& dim : meta.shape().dim()) tensor.shape.push_back(dim.size());
    for (const auto& slice : meta.slice()) tensor.slices.push_back(slices::to_slice(slice));
    tensor.bytes = checked_bytes(table_, tensor);
    return tensor;
  }

  void read_slice(const tensor_info& tensor, const tensor_slice& slice, const proto::SavedTensorSlices& message,
                  std::span<std::byte> out) const {
    if (message.data().name() != tensor.name)
      table_.fail_damaged("\"", message.data().name(), "\" stands where \"", tensor.name, "\" should");
    std::vector<std::byte> values(slices::elements(tensor, slice) * element_size(tensor.type));
    copy_values(tensor, message.data().data(), values);
    slices::place(tensor, slice, values, out);
  }

  void copy_values(const tensor_info& tensor, const proto::TensorValues& from, std::span<std::byte> to) const {
    switch (tensor.type) {
      case element_type::float32:
        return copy<float>(tensor, from.float_val(), to);
      case element_type::float64:
        return copy<double>(tensor, from.double_val(), to);
      case element_type::int32:
        return copy<std::int32_t>(tensor, from.int_val(), to);
      case element_type::int16:
        return copy<std::int16_t>(tensor, from.int_val(), to);
      case element_type::int8:
        return copy<std::int8_t>(tensor, from.int_val(), to);
      case element_type::uint8:
        return copy<std::uint8_t>(tensor, from.int_val(), to);
      case element_type::int64:
        return copy<std::int64_t>(tensor, from.int64_val(), to);
      case element_type::boolean:
        return copy<std::uint8_t>(tensor, from.bool_val(), to);
      case element_type::float16:
      case element_type::bfloat16:
        return copy<std::uint16_t>(tensor, from.half_val(), to);
      case element_type::string:
        break;
    }
    fail_tensor(tensor, "values of that type are not read from V1 checkpoints");
  }

  template <class T, class List>
  void copy(const tensor_info& tensor, const List& from, std::span<std::byte> to) const {
    if (static_cast<std::size_t>(from.size()) != to.size() / sizeof(T))
      fail_tensor(tensor, str("a slice has ", from.size(), " values instead of ", to.size() / sizeof(T)));
    std::byte* at = to.data();
    for (const auto value : from) {
      const T element = static_cast<T>(value);
      std::memcpy(at, &element, sizeof(T));
      at += sizeof(T);
    }
  }

  sorted_table table_;
};

ODT_INLINE std::shared_ptr<const checkpoint_source> open_slice_table(const checkpoint_files& files) {
  return std::make_shared<const slice_table>(files);
}

}  // namespace odt::detail
