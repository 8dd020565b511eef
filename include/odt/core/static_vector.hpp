// SPDX-License-Identifier: MIT
// A vector with its storage inside, usable as a constexpr option of a policy.
#pragma once

#include <odt/core/target.hpp>

#include <array>
#include <cstddef>
#include <initializer_list>
#include <stdexcept>

namespace odt {

/// At most N elements of a trivial type; push_back beyond that throws std::length_error.
template <class T, std::size_t N>
class static_vector {
 public:
  using value_type = T;

  constexpr static_vector() = default;
  constexpr static_vector(std::initializer_list<T> elements) {
    for (const T& element : elements) push_back(element);
  }

  constexpr void push_back(const T& element) {
    if (size_ == N) throw std::length_error("static_vector is full");
    elements_[size_++] = element;
  }
  constexpr void clear() { size_ = 0; }

  ODT_HD constexpr std::size_t size() const { return size_; }
  constexpr bool empty() const { return size_ == 0; }
  ODT_HD constexpr T& operator[](std::size_t i) { return elements_[i]; }
  ODT_HD constexpr const T& operator[](std::size_t i) const { return elements_[i]; }
  constexpr T* begin() { return elements_.data(); }
  constexpr T* end() { return elements_.data() + size_; }
  constexpr const T* begin() const { return elements_.data(); }
  constexpr const T* end() const { return elements_.data() + size_; }
  constexpr const T& back() const { return elements_[size_ - 1]; }
  static constexpr std::size_t capacity() { return N; }

  friend constexpr bool operator==(const static_vector& a, const static_vector& b) {
    if (a.size_ != b.size_) return false;
    for (std::size_t i = 0; i < a.size_; ++i)
      if (!(a[i] == b[i])) return false;
    return true;
  }

 private:
  std::array<T, N> elements_{};
  std::size_t size_ = 0;
};

}  // namespace odt
