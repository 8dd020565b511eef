// SPDX-License-Identifier: MIT
// The name of an operation or a variable. clang cannot evaluate the std::string of libstdc++ 12 at compile time.
#pragma once

#include <concepts>
#include <cstddef>
#include <iosfwd>
#include <string>
#include <string_view>
#include <utility>

namespace odt {

/// A string that is put together with +, at compile time too.
class graph_name {
 public:
  constexpr graph_name() = default;
  constexpr graph_name(std::string_view text) : graph_name(text, {}) {}
  constexpr graph_name(const char* text) : graph_name(std::string_view(text)) {}
  graph_name(const std::string& text) : graph_name(std::string_view(text)) {}
  constexpr graph_name(const graph_name& other) : graph_name(other.view()) {}
  constexpr graph_name(graph_name&& other) noexcept
      : chars_(std::exchange(other.chars_, nullptr)), size_(std::exchange(other.size_, 0)) {}
  constexpr graph_name& operator=(graph_name other) noexcept {
    std::swap(chars_, other.chars_);
    std::swap(size_, other.size_);
    return *this;
  }
  constexpr ~graph_name() { delete[] chars_; }

  constexpr std::string_view view() const { return {chars_, size_}; }
  constexpr operator std::string_view() const { return view(); }
  operator std::string() const { return std::string(view()); }
  constexpr bool empty() const { return size_ == 0; }

  friend constexpr graph_name operator+(const graph_name& a, const graph_name& b) { return {a.view(), b.view()}; }

  template <std::convertible_to<std::string_view> Text>
  friend constexpr bool operator==(const graph_name& a, const Text& b) {
    return a.view() == std::string_view(b);
  }

  template <class Traits>
  friend std::basic_ostream<char, Traits>& operator<<(std::basic_ostream<char, Traits>& out, const graph_name& n) {
    return out << n.view();
  }

 private:
  constexpr graph_name(std::string_view a, std::string_view b) {
    if (a.empty() && b.empty()) return;
    chars_ = new char[a.size() + b.size()];
    for (const char c : a) chars_[size_++] = c;
    for (const char c : b) chars_[size_++] = c;
  }

  char* chars_ = nullptr;
  std::size_t size_ = 0;
};

/// A number in decimal; std::to_string is not constexpr in C++20.
constexpr graph_name decimal(int number) {
  char digits[10] = {};
  int first = 10;
  do {
    digits[--first] = static_cast<char>('0' + number % 10);
    number /= 10;
  } while (number > 0);
  return std::string_view(digits + first, digits + 10);
}

/// How TensorFlow tells operations of one name apart: nothing behind the first, then _1, _2, ...
constexpr graph_name repeated(const graph_name& name, int number) {
  if (number == 0) return name;
  return name + "_" + decimal(number);
}

}  // namespace odt
