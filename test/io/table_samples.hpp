// SPDX-License-Identifier: MIT
// Tables (LevelDB's) and V1 checkpoints made by hand.
#pragma once

#include <odt/io/crc32c.hpp>

#include <io/archive_samples.hpp>

#include <bit>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace odt::test {

inline std::string varint(std::uint64_t value) {
  std::string bytes;
  for (; value >= 128; value >>= 7) bytes += static_cast<char>(value | 128);
  return bytes + static_cast<char>(value);
}

/// A field of a protobuf message: a text or message, or a number.
inline std::string field(unsigned number, std::string_view content) {
  return varint(number << 3 | 2) + varint(content.size()) + std::string(content);
}
inline std::string field(unsigned number, std::uint64_t value) { return varint(number << 3) + varint(value); }

using table_entries = std::vector<std::pair<std::string, std::string>>;

inline std::string table_block(const table_entries& entries) {
  std::string block;
  for (const auto& [key, value] : entries) block += varint(0) + varint(key.size()) + varint(value.size()) + key + value;
  return block + little_endian(0, 4) + little_endian(1, 4);  // one place to start reading at, byte 0
}

/// Snappy's format without any compression: the length, and literals of up to 60 bytes.
inline std::string snappy(std::string_view text) {
  std::string bytes = varint(text.size());
  for (; !text.empty(); text.remove_prefix(std::min<std::size_t>(60, text.size())))
    bytes += static_cast<char>((std::min<std::size_t>(60, text.size()) - 1) << 2) + std::string(text.substr(0, 60));
  return bytes;
}

/// A table with a block for each entry. Entries have to be sorted.
inline std::string table(const table_entries& entries, bool compressed = false) {
  std::string file;
  const auto add = [&file](std::string block, bool compress) {
    const std::string handle = varint(file.size());
    if (compress) block = snappy(block);
    const std::string place = handle + varint(block.size());
    block += compress ? '\1' : '\0';
    file += block + little_endian(masked_crc32c(block), 4);
    return place;
  };
  table_entries index;
  for (const auto& entry : entries) index.emplace_back(entry.first, add(table_block({entry}), compressed));
  std::string footer = add(table_block({}), false);
  footer += add(table_block(index), false);
  return file + footer + std::string(40 - footer.size(), '\0') + "\x57\xfb\x80\x8b\x24\x75\x47\xdb";
}

/// The key of a tensor that is stored whole: each dimension from 0, of length -1.
inline std::string whole_key(std::string_view name, std::size_t rank) {
  std::string key = '\0' + std::string(name) + std::string("\0\1", 2);
  if (rank > 0) key += '\1';
  key += static_cast<char>(rank);
  for (std::size_t d = 0; d < rank; ++d) key += "\x80\x7f";
  return key;
}

/// A V1 checkpoint of float32 vectors, sorted by name.
inline std::string v1_checkpoint(const std::vector<std::pair<std::string, std::vector<float>>>& tensors,
                                 bool compressed = false) {
  const std::string whole = field(1, "");  // a slice of one dimension that says nothing about it
  std::string list;
  table_entries entries(1);
  for (const auto& [name, values] : tensors) {
    list += field(1, field(1, name) + field(2, field(2, field(1, values.size()))) + field(3, 1) + field(4, whole));
    std::string bytes;
    for (const float value : values) bytes += little_endian(std::bit_cast<std::uint32_t>(value), 4);
    entries.emplace_back(whole_key(name, 1), field(2, field(1, name) + field(2, whole) + field(3, field(5, bytes))));
  }
  entries[0].second = field(1, list);
  return table(entries, compressed);
}

}  // namespace odt::test
