// SPDX-License-Identifier: MIT
// Small text building without <sstream> or <format>.
#pragma once

#include <charconv>
#include <concepts>
#include <string>
#include <string_view>

namespace odt {

namespace detail {

inline void append(std::string& out, std::string_view piece) { out += piece; }
inline void append(std::string& out, char piece) { out += piece; }

template <class Number>
  requires(std::integral<Number> || std::floating_point<Number>)
void append(std::string& out, Number number) {
  if constexpr (std::same_as<Number, bool>)
    return append(out, std::string_view(number ? "true" : "false"));
  else {
    char buffer[64];
    const auto end = std::to_chars(buffer, buffer + sizeof buffer, number).ptr;
    out.append(buffer, end);
  }
}

}  // namespace detail

/// Concatenates strings, characters, booleans and numbers (numbers in their shortest exact form).
template <class... Pieces>
std::string str(const Pieces&... pieces) {
  std::string out;
  (detail::append(out, pieces), ...);
  return out;
}

/// Joins the elements of a range of strings or numbers: join({1, 2}, ", ") is "1, 2".
template <class Range>
std::string join(const Range& range, std::string_view separator) {
  std::string out;
  for (const auto& element : range) {
    if (!out.empty()) out += separator;
    detail::append(out, element);
  }
  return out;
}

}  // namespace odt
