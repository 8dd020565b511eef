// SPDX-License-Identifier: MIT
// The characters of UTF-8 text (RFC 3629).
#pragma once

#include <cstddef>
#include <string_view>

namespace odt {

/// What next_character gives for bytes that are not UTF-8, and what people see in their place.
inline constexpr char32_t no_character = 0xFFFFFFFF, replacement_character = 0xFFFD;

/// The character at text[at], of which `at` is moved to the end. What is not UTF-8 there (RFC 3629: also too long forms
/// and surrogates) gives no_character and leaves `at`.
constexpr char32_t next_character(std::string_view text, std::size_t& at) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[at + i]); };
  if (at >= text.size()) return no_character;
  const unsigned first = byte(0);
  const std::size_t length = first < 0x80   ? 1
                             : first < 0xC2 ? 0
                             : first < 0xE0 ? 2
                             : first < 0xF0 ? 3
                             : first < 0xF5 ? 4
                                            : 0;
  if (length == 0 || at + length > text.size()) return no_character;
  char32_t c = length == 1 ? first : first & (0xFFu >> (length + 1));
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0u) != 0x80) return no_character;
    c = c << 6 | (byte(i) & 0x3Fu);
  }
  const bool too_long = (length == 3 && c < 0x800) || (length == 4 && c < 0x10000);
  if (too_long || (c >= 0xD800 && c < 0xE000) || c > 0x10FFFF) return no_character;
  at += length;
  return c;
}

/// Calls take(character, bytes) for each character; each byte that is not UTF-8 counts as a replacement character.
template <class Take>
constexpr void for_each_character(std::string_view text, Take&& take) {
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t begin = at;
    char32_t c = next_character(text, at);
    if (c == no_character) c = replacement_character, ++at;
    take(c, text.substr(begin, at - begin));
  }
}

/// Whether all bytes are ASCII.
constexpr bool is_ascii(std::string_view text) {
  for (const char c : text)
    if (static_cast<unsigned char>(c) >= 0x80) return false;
  return true;
}

}  // namespace odt
