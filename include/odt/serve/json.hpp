// SPDX-License-Identifier: MIT
// JSON of requests and answers: NaN and Infinity are numbers, and nested lists of numbers are one block of floats.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace odt::serve {

/// A parsed value. Lists of numbers, of whatever depth, are `numbers` with a shape as long as they are regular; other
/// lists are `list`. An empty list is numbers of shape [0].
struct json_value {
  enum class kind : std::uint8_t { null, boolean, number, numbers, text, list, object };

  kind what = kind::null;
  double number = 0;  ///< also of a boolean
  std::string text{};
  std::vector<std::int64_t> shape{};
  std::vector<float> numbers{};
  std::vector<json_value> list{};
  std::vector<std::pair<std::string, json_value>> object{};

  /// Null where this is no object or has no such key.
  const json_value* find(std::string_view key) const;
  json_value* find(std::string_view key);
};

struct json_limits {
  int depth = 32;
  std::size_t values = 1 << 18;  ///< but for numbers in blocks
};

/// A failure (invalid_argument) says at which byte what was wrong.
json_value parse_json(std::string_view text, const json_limits& limits = {});

/// Appends a number as TensorFlow Serving writes it: 1.0, 0.25, NaN, -Infinity.
void append_json(std::string& out, float number);
void append_json(std::string& out, std::string_view text);

/// Appends numbers as lists of lists of that shape.
void append_json(std::string& out, const float* numbers, const std::int64_t* shape, std::size_t rank);

std::string encode_base64(std::string_view bytes);
/// Standard or URL-safe, with or without padding. A failure where it is neither.
std::string decode_base64(std::string_view text);

}  // namespace odt::serve

#if defined(ODT_HEADER_ONLY)
#include <odt/serve/json.ipp>
#endif
