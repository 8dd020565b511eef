// SPDX-License-Identifier: MIT
// Values as bytes and back, for another process of the same program: numbers, strings, pairs, vectors, and structs for
// which there is a function pack_fields(archive, value) that names their members once.
#pragma once

#include <odt/core/error.hpp>

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace odt {

namespace detail {

template <class T>
inline constexpr bool is_list = false;
template <class T>
inline constexpr bool is_list<std::vector<T>> = true;
template <>
inline constexpr bool is_list<std::string> = true;

template <class T>
inline constexpr bool is_pair = false;
template <class A, class B>
inline constexpr bool is_pair<std::pair<A, B>> = true;

}  // namespace detail

/// Appends what it is called with to its bytes.
class packer {
 public:
  template <class... Values>
  void operator()(Values&... values) {
    (put(values), ...);
  }
  const std::string& bytes() const { return bytes_; }

 private:
  template <class T>
  void put(T& value) {
    if constexpr (detail::is_list<std::remove_const_t<T>>) {
      std::uint64_t size = value.size();
      put(size);
      for (auto& element : value) put(element);
    } else if constexpr (detail::is_pair<std::remove_const_t<T>>) {
      (*this)(value.first, value.second);
    } else if constexpr (std::is_trivially_copyable_v<T>) {
      bytes_.append(reinterpret_cast<const char*>(&value), sizeof value);
    } else {
      pack_fields(*this, value);
    }
  }

  std::string bytes_;
};

/// Fills what it is called with from the bytes, in the order in which they were packed.
class unpacker {
 public:
  explicit unpacker(std::string_view bytes) : bytes_(bytes) {}

  template <class... Values>
  void operator()(Values&... values) {
    (get(values), ...);
  }

 private:
  template <class T>
  void get(T& value) {
    if constexpr (detail::is_list<T>) {
      std::uint64_t size = 0;
      get(size);
      if (size > bytes_.size())
        fail("packed bytes are cut short: ", size, " elements, and ", bytes_.size(), " bytes are left");
      value.resize(size);
      for (auto& element : value) get(element);
    } else if constexpr (detail::is_pair<T>) {
      (*this)(value.first, value.second);
    } else if constexpr (std::is_trivially_copyable_v<T>) {
      if (sizeof value > bytes_.size())
        fail("packed bytes are cut short: ", sizeof value, " wanted, ", bytes_.size(), " left");
      std::memcpy(&value, bytes_.data(), sizeof value);
      bytes_.remove_prefix(sizeof value);
    } else {
      pack_fields(*this, value);
    }
  }

  std::string_view bytes_;
};

}  // namespace odt
