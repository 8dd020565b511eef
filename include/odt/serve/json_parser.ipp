// SPDX-License-Identifier: MIT
// For json.ipp.
#pragma once

#include <odt/core/target.hpp>
#include <odt/serve/json.hpp>
#include <odt/serve/status.hpp>

#include <algorithm>
#include <charconv>
#include <limits>

namespace odt::serve {

namespace detail::json {

class parser {
 public:
  parser(std::string_view text, const json_limits& limits) : text_(text), limits_(limits) {}

  json_value whole() {
    skip_space();
    if (at_ == text_.size()) wrong("The document is empty.");
    json_value value = parse(0);
    skip_space();
    if (at_ != text_.size()) wrong("The document root must not be followed by other values.");
    return value;
  }

 private:
  [[noreturn]] void wrong(std::string_view what) const {
    refuse(code::invalid_argument, "JSON Parse error: ", what, " at offset: ", at_);
  }

  void skip_space() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\n' || text_[at_] == '\t' || text_[at_] == '\r'))
      ++at_;
  }
  char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  bool take(char c) {
    if (peek() != c) return false;
    ++at_;
    return true;
  }
  bool take(std::string_view word) {
    if (!text_.substr(at_).starts_with(word)) return false;
    at_ += word.size();
    return true;
  }

  void count() {
    if (++values_ > limits_.values) wrong("There are too many values.");
  }

  json_value parse(int depth) {
    if (depth > limits_.depth) wrong("Lists and objects are nested too deeply.");
    switch (peek()) {
      case '{':
        count();
        return parse_object(depth);
      case '[':
        return parse_list(depth);
      case '"':
        count();
        return {.what = json_value::kind::text, .text = parse_string()};
      default:
        return parse_word();
    }
  }

  json_value parse_word() {
    using kind = json_value::kind;
    if (const char c = peek(); c == '-' || (c >= '0' && c <= '9') || c == 'N' || c == 'I')
      return {.what = kind::number, .number = parse_number()};
    count();
    if (take("true")) return {.what = kind::boolean, .number = 1};
    if (take("false")) return {.what = kind::boolean, .number = 0};
    if (take("null")) return {};
    wrong("Invalid value.");
  }

  double parse_number() {
    const bool negative = take('-');
    double value = 0;
    if (take("NaN"))
      value = std::numeric_limits<double>::quiet_NaN();
    else if (take("Infinity") || take("Inf"))
      value = std::numeric_limits<double>::infinity();
    else
      value = parse_digits();
    return negative ? -value : value;
  }

  double parse_digits() {
    const char* const begin = text_.data() + at_;
    const char* const end = text_.data() + text_.size();
    const char* stop = begin;
    unsigned small = 0;  // most numbers are a pixel's
    while (stop != end && stop - begin < 9 && *stop >= '0' && *stop <= '9')
      small = small * 10 + static_cast<unsigned>(*stop++ - '0');
    if (stop == begin) wrong("Invalid value.");
    if (*begin == '0' && stop - begin > 1) wrong("A number begins with 0.");
    if (stop == end || !(*stop == '.' || *stop == 'e' || *stop == 'E' || (*stop >= '0' && *stop <= '9'))) {
      at_ += static_cast<std::size_t>(stop - begin);
      return small;
    }
    double value = 0;
    const auto [last, problem] = std::from_chars(begin, end, value);
    if (problem == std::errc::result_out_of_range) wrong("Number too big to be stored in double.");
    if (problem != std::errc{} || last[-1] == '.') wrong("Invalid value.");
    at_ += static_cast<std::size_t>(last - begin);
    return value;
  }

  json_value parse_object(int depth) {
    json_value value{.what = json_value::kind::object};
    ++at_;
    skip_space();
    if (take('}')) return value;
    do {
      skip_space();
      if (peek() != '"') wrong("Missing a name for object member.");
      std::string key = parse_string();
      if (value.find(key)) wrong(str("The name \"", key, "\" occurs twice."));
      skip_space();
      if (!take(':')) wrong("Missing a colon after a name of object member.");
      skip_space();
      json_value member = parse(depth + 1);
      value.object.emplace_back(std::move(key), std::move(member));
      skip_space();
    } while (take(','));
    if (!take('}')) wrong("Missing a comma or } after an object member.");
    return value;
  }

  json_value parse_list(int depth) {
    using kind = json_value::kind;
    ++at_;
    skip_space();
    if (take(']')) return {.what = kind::numbers, .shape = {0}};
    json_value block{.what = kind::numbers};  // as long as all elements are alike
    std::int64_t elements = 0;
    std::vector<json_value> list;
    do {
      skip_space();
      json_value next = parse(depth + 1);
      skip_space();
      if (list.empty() && joins(block, next, elements)) {
        ++elements;
        continue;
      }
      count();
      if (list.empty() && elements > 0) list = unjoined(block, elements);
      list.push_back(std::move(next));
    } while (take(','));
    if (!take(']')) wrong("Missing a comma or ] after an array element.");
    if (!list.empty()) return {.what = kind::list, .list = std::move(list)};
    block.shape.insert(block.shape.begin(), elements);
    return block;
  }

  /// Appends the element to the block where its shape is that of the others.
  static bool joins(json_value& block, json_value& next, std::int64_t elements) {
    using kind = json_value::kind;
    if (next.what != kind::number && next.what != kind::numbers) return false;
    if (elements == 0)
      block.shape = next.shape;
    else if (block.shape != next.shape)
      return false;
    if (next.what == kind::number)
      block.numbers.push_back(static_cast<float>(next.number));
    else if (elements == 0)
      block.numbers = std::move(next.numbers);
    else
      block.numbers.insert(block.numbers.end(), next.numbers.begin(), next.numbers.end());
    return true;
  }

  /// The elements of a block one by one.
  std::vector<json_value> unjoined(const json_value& block, std::int64_t elements) {
    std::vector<json_value> list;
    const auto size = block.numbers.size() / static_cast<std::size_t>(elements);
    for (std::int64_t i = 0; i < elements; ++i) {
      count();
      const auto first = block.numbers.begin() + i * static_cast<std::ptrdiff_t>(size);
      if (block.shape.empty())
        list.push_back({.what = json_value::kind::number, .number = static_cast<double>(*first)});
      else
        list.push_back({.what = json_value::kind::numbers,
                        .shape = block.shape,
                        .numbers = {first, first + static_cast<std::ptrdiff_t>(size)}});
    }
    return list;
  }

  std::string parse_string() {
    ++at_;
    std::string out;
    for (;;) {
      const std::size_t end = text_.find_first_of("\"\\", at_);
      if (end == text_.npos) wrong("Missing a closing quotation mark in string.");
      const std::string_view plain = text_.substr(at_, end - at_);
      if (std::ranges::any_of(plain, [](char c) { return static_cast<unsigned char>(c) < 0x20; }))
        wrong("A string holds a control character.");
      out += plain;
      at_ = end + 1;
      if (text_[end] == '"') return out;
      parse_escape(out);
    }
  }

  void parse_escape(std::string& out) {
    static constexpr std::string_view names = "\"\\/bfnrt", values = "\"\\/\b\f\n\r\t";
    const char c = peek();
    if (const auto found = names.find(c); c != '\0' && found != names.npos) {
      out += values[found];
      ++at_;
      return;
    }
    if (c != 'u') wrong("Invalid escape character in string.");
    ++at_;
    unsigned point = parse_unit();
    if (point >= 0xd800 && point < 0xdc00) {
      if (!take("\\u")) wrong("The surrogate pair in string is invalid.");
      const unsigned low = parse_unit();
      if (low < 0xdc00 || low > 0xdfff) wrong("The surrogate pair in string is invalid.");
      point = 0x10000 + ((point - 0xd800) << 10) + (low - 0xdc00);
    } else if (point >= 0xdc00 && point < 0xe000) {
      wrong("The surrogate pair in string is invalid.");
    }
    append_utf8(out, point);
  }

  unsigned parse_unit() {
    unsigned unit = 0;
    const char* const begin = text_.data() + at_;
    if (at_ + 4 > text_.size() || std::from_chars(begin, begin + 4, unit, 16).ptr != begin + 4)
      wrong("Incorrect hex digit after \\u escape in string.");
    at_ += 4;
    return unit;
  }

  static void append_utf8(std::string& out, unsigned point) {
    const auto tail = [&](unsigned shift) { out += static_cast<char>(0x80 | ((point >> shift) & 0x3f)); };
    if (point < 0x80) {
      out += static_cast<char>(point);
    } else if (point < 0x800) {
      out += static_cast<char>(0xc0 | (point >> 6)), tail(0);
    } else if (point < 0x10000) {
      out += static_cast<char>(0xe0 | (point >> 12)), tail(6), tail(0);
    } else {
      out += static_cast<char>(0xf0 | (point >> 18)), tail(12), tail(6), tail(0);
    }
  }

  std::string_view text_;
  const json_limits& limits_;
  std::size_t at_ = 0, values_ = 0;
};

}  // namespace detail::json

}  // namespace odt::serve
