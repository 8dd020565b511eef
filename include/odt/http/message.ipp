// SPDX-License-Identifier: MIT
#pragma once

#include <odt/core/target.hpp>
#include <odt/http/message.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>

namespace odt::http {

namespace detail::message {

ODT_INLINE char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

ODT_INLINE bool same_in_any_case(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, {}, lower, lower);
}

/// -1: no hexadecimal digit.
ODT_INLINE int digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  const char small = lower(c);
  return small >= 'a' && small <= 'f' ? small - 'a' + 10 : -1;
}

/// Calls f with each piece of text between separators.
template <class F>
void split(std::string_view text, char separator, F&& f) {
  for (;;) {
    const auto end = text.find(separator);
    f(text.substr(0, end));
    if (end == text.npos) return;
    text.remove_prefix(end + 1);
  }
}

}  // namespace detail::message

ODT_INLINE std::string_view field(const fields& all, std::string_view name) {
  const auto found =
      std::ranges::find_if(all, [&](const auto& f) { return detail::message::same_in_any_case(f.first, name); });
  return found == all.end() ? std::string_view() : std::string_view(found->second);
}

ODT_INLINE std::string_view request::parameter(std::string_view name) const {
  const auto found = std::ranges::find(query, name, [](const auto& f) -> std::string_view { return f.first; });
  return found == query.end() ? std::string_view() : std::string_view(found->second);
}

ODT_INLINE response error_response(int status, std::string_view text) {
  const nlohmann::json body{{"error", std::string(text)}};
  return {.status = status, .body = body.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n"};
}

ODT_INLINE std::string percent_decoded(std::string_view text, bool plus_is_space) {
  namespace d = detail::message;
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (c == '+' && plus_is_space) c = ' ';
    if (c == '%') {
      const int high = i + 2 < text.size() ? d::digit(text[i + 1]) : -1, low = high < 0 ? -1 : d::digit(text[i + 2]);
      if (low < 0) throw refusal(400, str("the URL has a % without two hexadecimal digits behind it, at ", i));
      c = static_cast<char>(high * 16 + low);
      i += 2;
    }
    if (c == '\0') throw refusal(400, "the URL has a NUL byte");
    out += c;
  }
  return out;
}

ODT_INLINE void take_target(request& into, std::string_view target) {
  namespace d = detail::message;
  into.target = target;
  if (!target.starts_with('/')) throw refusal(400, "the request's target has to begin with /");
  target = target.substr(0, target.find('#'));
  const auto mark = target.find('?');
  const std::string_view path = target.substr(0, mark);
  into.path = percent_decoded(path);
  d::split(path.substr(1), '/', [&](std::string_view segment) {
    into.segments.push_back(percent_decoded(segment));
    if (into.segments.back() == "." || into.segments.back() == "..")
      throw refusal(400, "the URL's path has \".\" or \"..\" in it");
  });
  if (mark == target.npos) return;
  d::split(target.substr(mark + 1), '&', [&](std::string_view pair) {
    if (pair.empty()) return;
    const auto equals = pair.find('=');
    const std::string_view value = equals == pair.npos ? std::string_view() : pair.substr(equals + 1);
    into.query.emplace_back(percent_decoded(pair.substr(0, equals), true), percent_decoded(value, true));
  });
}

}  // namespace odt::http
