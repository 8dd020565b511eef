// SPDX-License-Identifier: MIT
// A TrueType font made of rectangles.
#pragma once

#include <odt/core/utf8.hpp>

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace odt::test {

namespace toy {

inline std::string big_endian(std::uint64_t value, int bytes) {
  std::string text;
  for (int i = bytes - 1; i >= 0; --i) text += static_cast<char>(value >> (8 * i));
  return text;
}

inline std::string w(int value) { return big_endian(static_cast<std::uint16_t>(value), 2); }
inline std::string d(std::uint64_t value) { return big_endian(value, 4); }

/// A rectangle from (0, bottom) to (500, top), by four points.
inline std::string rectangle(int bottom, int top) {
  return w(1) + w(0) + w(bottom) + w(500) + w(top) + w(3) + w(0) + std::string(4, '\1')  // on the outline, 2-byte steps
         + w(0) + w(0) + w(500) + w(0) + w(bottom) + w(top - bottom) + w(0) + w(bottom - top);
}

}  // namespace toy

/// A font of 1000 units an em in which each character advances by 600: those of `text` are rectangles as high as a
/// capital (700) or, beyond ASCII, from -100 to 900; those of `low` are as high as a capital too, a
/// space and those of `empty` have no outline.
inline std::string toy_font(std::string_view text, std::string_view empty = {}, std::string_view low = {}) {
  using namespace toy;
  std::map<char32_t, std::string> shapes = {{U' ', ""}};
  for_each_character(
      text, [&](char32_t c, std::string_view) { shapes[c] = c < 0x80 ? rectangle(0, 700) : rectangle(-100, 900); });
  for_each_character(low, [&](char32_t c, std::string_view) { shapes[c] = rectangle(0, 700); });
  for_each_character(empty, [&](char32_t c, std::string_view) { shapes[c] = ""; });
  std::string glyf = rectangle(0, 100), loca = d(0), groups;
  int count = 1;
  for (const auto& [character, shape] : shapes) {
    loca += d(glyf.size());
    glyf += shape;
    groups += d(character) + d(character) + d(static_cast<std::uint64_t>(count++));
  }
  loca += d(glyf.size());
  std::string widths;
  for (int i = 0; i < count; ++i) widths += w(600) + w(0);
  const std::string head = d(0x10000) + d(0) + d(0) + d(0x5f0f3cf5) + w(0) + w(1000) + std::string(16, '\0') +
                           std::string(8, '\0') + w(0) + w(8) + w(2) + w(1) + w(0);
  const std::string hhea = d(0x10000) + w(900) + w(-100) + w(0) + std::string(24, '\0') + w(count);
  const std::string cmap =
      w(0) + w(1) + w(3) + w(10) + d(12) + w(12) + w(0) + d(16 + groups.size()) + d(0) + d(shapes.size()) + groups;
  const std::map<std::string, std::string> tables = {{"cmap", cmap},
                                                     {"glyf", glyf},
                                                     {"head", head},
                                                     {"hhea", hhea},
                                                     {"hmtx", widths},
                                                     {"loca", loca},
                                                     {"maxp", d(0x10000) + w(count) + std::string(26, '\0')}};
  std::string directory = d(0x10000) + w(static_cast<int>(tables.size())) + std::string(6, '\0'), content;
  for (const auto& [name, bytes] : tables) {
    directory += name + d(0) + d(12 + 16 * tables.size() + content.size()) + d(bytes.size());
    content += bytes + std::string((4 - bytes.size() % 4) % 4, '\0');
  }
  return directory + content;
}

}  // namespace odt::test
