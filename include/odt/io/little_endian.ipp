// SPDX-License-Identifier: MIT
// Numbers of files, little endian.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace odt::detail {

/// The number whose bytes begin at `at`; they have to be there.
template <class Number>
constexpr Number number_at(std::string_view bytes, std::size_t at) {
  Number value = 0;
  for (std::size_t i = 0; i < sizeof(Number); ++i)
    value =
        static_cast<Number>(value | static_cast<Number>(Number{static_cast<unsigned char>(bytes[at + i])} << (8 * i)));
  return value;
}

constexpr std::uint16_t u16(std::string_view bytes, std::size_t at) { return number_at<std::uint16_t>(bytes, at); }
constexpr std::uint32_t u32(std::string_view bytes, std::size_t at) { return number_at<std::uint32_t>(bytes, at); }
constexpr std::uint64_t u64(std::string_view bytes, std::size_t at) { return number_at<std::uint64_t>(bytes, at); }

}  // namespace odt::detail
