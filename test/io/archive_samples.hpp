// SPDX-License-Identifier: MIT
// Archives made by hand.
#pragma once

#include <odt/core/text.hpp>

#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace odt::test {

inline std::string octal(std::size_t value, int digits) {
  char text[16];
  std::snprintf(text, sizeof text, "%0*zo", digits, value);
  return text;
}

/// A header of ustar and the content, filled up to whole blocks.
inline std::string tar_member(std::string_view name, std::string_view content, char type = '0',
                              std::string_view folder = "") {
  std::string header(512, '\0');
  header.replace(0, name.size(), name);
  header.replace(100, 7, "0000644");
  header.replace(124, 11, octal(content.size(), 11));
  header.replace(148, 8, "        ");
  header[156] = type;
  header.replace(257, 8, std::string_view("ustar\00000", 8));
  header.replace(345, folder.size(), folder);
  std::size_t sum = 0;
  for (const char c : header) sum += static_cast<unsigned char>(c);
  header.replace(148, 7, octal(sum, 6) + '\0');
  return header + std::string(content) + std::string((512 - content.size() % 512) % 512, '\0');
}

inline std::string tar(const std::vector<std::pair<std::string, std::string>>& files) {
  std::string all;
  for (const auto& [name, content] : files) all += tar_member(name, content, name.ends_with('/') ? '5' : '0');
  return all + std::string(1024, '\0');
}

inline std::string little_endian(std::uint64_t value, int bytes) {
  std::string text;
  for (int i = 0; i < bytes; ++i) text += static_cast<char>(value >> (8 * i));
  return text;
}

/// The checksum of zip and gzip.
inline std::uint32_t crc32(std::string_view text) {
  std::uint32_t crc = ~0u;
  for (const char c : text) {
    crc ^= static_cast<unsigned char>(c);
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ (crc & 1 ? 0xedb88320u : 0u);
  }
  return ~crc;
}

/// DEFLATE without compression: blocks that are stored as they are.
inline std::string deflated(std::string_view text) {
  std::string all;
  for (std::size_t at = 0; at < text.size(); at += 65535) {
    const std::string_view block = text.substr(at, 65535);
    all += at + block.size() == text.size() ? '\1' : '\0';
    all += little_endian(block.size(), 2) + little_endian(~block.size(), 2) + std::string(block);
  }
  return all;
}

inline std::string gzip(std::string_view text) {
  return std::string("\x1f\x8b\x08\0\0\0\0\0\0\xff", 10) + deflated(text) + little_endian(crc32(text), 4) +
         little_endian(text.size(), 4);
}

}  // namespace odt::test
