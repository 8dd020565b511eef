// SPDX-License-Identifier: MIT
#pragma once

#include <odt/core/target.hpp>
#include <odt/serve/json.hpp>
#include <odt/serve/json_parser.ipp>
#include <odt/serve/status.hpp>

#include <algorithm>
#include <array>
#include <cmath>

namespace odt::serve {

namespace detail::json {

inline constexpr std::string_view base64_digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// 0 to 63, or 255; '-' and '_' are those of URLs.
constexpr std::array<std::uint8_t, 256> base64_values() {
  std::array<std::uint8_t, 256> values{};
  values.fill(255);
  for (std::size_t i = 0; i < base64_digits.size(); ++i)
    values[static_cast<unsigned char>(base64_digits[i])] = static_cast<std::uint8_t>(i);
  values['-'] = 62, values['_'] = 63;
  return values;
}

}  // namespace detail::json

ODT_INLINE const json_value* json_value::find(std::string_view key) const {
  const auto found = std::ranges::find(object, key, [](const auto& m) -> std::string_view { return m.first; });
  return found == object.end() ? nullptr : &found->second;
}

ODT_INLINE json_value* json_value::find(std::string_view key) {
  return const_cast<json_value*>(std::as_const(*this).find(key));
}

ODT_INLINE json_value parse_json(std::string_view text, const json_limits& limits) {
  return detail::json::parser(text, limits).whole();
}

ODT_INLINE void append_json(std::string& out, float number) {
  if (std::isnan(number)) {
    out += "NaN";
  } else if (std::isinf(number)) {
    out += number < 0 ? "-Infinity" : "Infinity";
  } else {
    const std::string digits = str(number);
    out += digits;
    if (digits.find_first_of(".e") == digits.npos) out += ".0";
  }
}

ODT_INLINE void append_json(std::string& out, std::string_view text) {
  out += '"';
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    if (static_cast<unsigned char>(c) >= 0x20)
      out += c;
    else
      out += {'\\', 'u', '0', '0', "01"[c >> 4], "0123456789abcdef"[c & 15]};
  }
  out += '"';
}

ODT_INLINE void append_json(std::string& out, const float* numbers, const std::int64_t* shape, std::size_t rank) {
  if (rank == 0) return append_json(out, *numbers);
  std::int64_t inner = 1;
  for (std::size_t i = 1; i < rank; ++i) inner *= shape[i];
  out += '[';
  for (std::int64_t i = 0; i < shape[0]; ++i) {
    if (i > 0) out += ',';
    append_json(out, numbers + i * inner, shape + 1, rank - 1);
  }
  out += ']';
}

ODT_INLINE std::string encode_base64(std::string_view bytes) {
  std::string out;
  out.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    unsigned group = 0;
    const std::size_t count = std::min<std::size_t>(3, bytes.size() - i);
    for (std::size_t k = 0; k < 3; ++k)
      group = group << 8 | (k < count ? static_cast<unsigned char>(bytes[i + k]) : 0u);
    for (std::size_t k = 0; k < 4; ++k)
      out += k <= count ? detail::json::base64_digits[group >> (18 - 6 * k) & 63] : '=';
  }
  return out;
}

ODT_INLINE std::string decode_base64(std::string_view text) {
  static constexpr auto values = detail::json::base64_values();
  while (text.ends_with('=')) text.remove_suffix(1);
  std::string out;
  out.reserve(text.size() / 4 * 3 + 3);
  unsigned group = 0;
  int bits = 0;
  for (const char c : text) {
    if (c == '\n' || c == '\r') continue;
    const auto byte = static_cast<unsigned char>(c);
    const int value = values[byte];
    if (value > 63) refuse(code::invalid_argument, "Unable to base64 decode: there is a byte ", byte, " in it");
    group = (group << 6 | static_cast<unsigned>(value)) & 0xffffff;
    bits += 6;
    if (bits < 8) continue;
    bits -= 8;
    out += static_cast<char>(group >> bits);
  }
  if (bits == 6) refuse(code::invalid_argument, "Unable to base64 decode: it ends within a byte");
  return out;
}

}  // namespace odt::serve
