// SPDX-License-Identifier: MIT
// Tensors that are stored in parts: their keys in a checkpoint's table, and how they are put together.
#pragma once

#include <odt/core/error.hpp>
#include <odt/core/target.hpp>
#include <odt/io/checkpoint.hpp>
#include <odt/io/sorted_table.ipp>

#include <odt/tensor_bundle.pb.h>

#include <bit>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace odt::detail {

/// The bytes of a tensor of that shape; a shape that cannot be is damage of the table.
ODT_INLINE std::uint64_t checked_bytes(const sorted_table& table, const tensor_info& tensor) {
  std::uint64_t bytes = element_size(tensor.type);
  for (const std::int64_t extent : tensor.shape)
    if (extent < 0 || __builtin_mul_overflow(bytes, static_cast<std::uint64_t>(extent), &bytes))
      table.fail_damaged("\"", tensor.name, "\" has the shape [", join(tensor.shape, ","), "]");
  return bytes;
}

}  // namespace odt::detail

namespace odt::detail::slices {

ODT_INLINE tensor_slice to_slice(const proto::TensorSlice& message) {
  tensor_slice slice;
  for (const auto& extent : message.extent()) {
    slice.start.push_back(extent.start());
    slice.length.push_back(extent.has_length_case() == proto::TensorSlice::Extent::kLength ? extent.length() : -1);
  }
  return slice;
}

ODT_INLINE std::string describe(const tensor_slice& slice) {
  std::string text;
  for (std::size_t d = 0; d < slice.start.size(); ++d)
    text += str(d ? ":" : "", slice.length[d] < 0 ? "-" : str(slice.start[d], ",", slice.length[d]));
  return text;
}

/// Google's "ordered code", whose bytes sort as what they stand for: numbers from 0.
ODT_INLINE std::string ordered(std::uint64_t value) {
  std::string bytes;
  for (; value > 0; value >>= 8) bytes.insert(bytes.begin(), static_cast<char>(value));
  return static_cast<char>(bytes.size()) + bytes;
}

/// Any numbers: as many leading ones as there are bytes, a zero, and the value (all inverted below 0).
ODT_INLINE std::string ordered_signed(std::int64_t value) {
  const auto magnitude = static_cast<std::uint64_t>(value < 0 ? ~value : value);
  const int bits = static_cast<int>(std::bit_width(magnitude)) + 1;  // with the sign
  const auto length = static_cast<std::size_t>(bits + 6) / 7;        // 1 to 10; a byte of each seven bits
  std::string bytes(10, value < 0 ? '\xff' : '\0');
  for (std::size_t i = 0; i < 8; ++i) bytes[9 - i] = static_cast<char>(value >> (8 * i));
  bytes.erase(0, bytes.size() - length);
  const unsigned ones = 0xffffu & ~(0xffffu >> length);
  bytes[0] = static_cast<char>(bytes[0] ^ static_cast<char>(ones >> 8));
  if (length > 1) bytes[1] = static_cast<char>(bytes[1] ^ static_cast<char>(ones));
  return bytes;
}

/// Texts: zeros and 255s are escaped, and an end follows.
ODT_INLINE std::string ordered(std::string_view text) {
  std::string bytes;
  for (const char c : text) {
    bytes += c;
    if (c == '\0') bytes += '\xff';
    if (c == '\xff') bytes += '\0';
  }
  return bytes + std::string("\0\1", 2);
}

/// Under which a slice stands in a table.
ODT_INLINE std::string key(std::string_view name, const tensor_slice& slice) {
  std::string bytes = ordered(std::uint64_t{0}) + ordered(name) + ordered(std::uint64_t{slice.start.size()});
  for (std::size_t d = 0; d < slice.start.size(); ++d)
    bytes += ordered_signed(slice.start[d]) + ordered_signed(slice.length[d]);
  return bytes;
}

ODT_INLINE std::size_t extent(const tensor_info& tensor, const tensor_slice& slice, std::size_t d) {
  return static_cast<std::size_t>(slice.length[d] < 0 ? tensor.shape[d] : slice.length[d]);
}

ODT_INLINE std::size_t elements(const tensor_info& tensor, const tensor_slice& slice) {
  std::size_t count = 1;
  for (std::size_t d = 0; d < tensor.shape.size(); ++d) count *= extent(tensor, slice, d);
  return count;
}

/// Why the slices of a tensor cannot make it up; empty when they do.
ODT_INLINE std::string problem(const tensor_info& tensor) {
  std::size_t count = 0;
  for (const tensor_slice& slice : tensor.slices) {
    bool fits = slice.start.size() == tensor.shape.size();
    for (std::size_t d = 0; fits && d < tensor.shape.size(); ++d)
      fits = slice.length[d] < 0 ? slice.start[d] == 0
                                 : slice.start[d] >= 0 && slice.length[d] <= tensor.shape[d] &&
                                       slice.start[d] <= tensor.shape[d] - slice.length[d];
    if (!fits) return str("its slice ", describe(slice), " is not within it");
    count += elements(tensor, slice);
  }
  return count == tensor.elements() ? "" : str("its slices hold ", count, " of its ", tensor.elements(), " values");
}

/// Copies the values of a slice to their places in the whole tensor.
ODT_INLINE void place(const tensor_info& tensor, const tensor_slice& slice, std::span<const std::byte> from,
                      std::span<std::byte> whole) {
  const std::size_t rank = tensor.shape.size(), size = element_size(tensor.type);
  const std::size_t run = (rank > 0 ? extent(tensor, slice, rank - 1) : 1) * size;
  for (std::size_t at = 0; run > 0 && at < from.size(); at += run) {
    std::size_t row = at / run, to = rank > 0 ? static_cast<std::size_t>(slice.start[rank - 1]) * size : 0;
    std::size_t stride = rank > 0 ? static_cast<std::size_t>(tensor.shape[rank - 1]) * size : 0;
    for (std::size_t d = rank; d-- > 1;) {
      const std::size_t length = extent(tensor, slice, d - 1);
      to += (static_cast<std::size_t>(slice.start[d - 1]) + row % length) * stride;
      row /= length;
      stride *= static_cast<std::size_t>(tensor.shape[d - 1]);
    }
    std::memcpy(whole.data() + to, from.data() + at, run);
  }
}

}  // namespace odt::detail::slices
