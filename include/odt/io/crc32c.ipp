// SPDX-License-Identifier: MIT
#pragma once

#include <odt/core/intrinsics.hpp>
#include <odt/core/target.hpp>
#include <odt/io/crc32c.hpp>

#include <array>
#include <bit>
#include <cstddef>
#include <cstring>

namespace odt {

namespace detail::crc {

inline constexpr std::uint32_t polynomial = 0x82f63b78u;  // reflected

/// tables[k][b]: what byte b contributes when k more bytes follow it.
constexpr std::array<std::array<std::uint32_t, 256>, 8> make_tables() {
  std::array<std::array<std::uint32_t, 256>, 8> tables{};
  for (std::uint32_t byte = 0; byte < 256; ++byte) {
    std::uint32_t crc = byte;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ (crc & 1 ? polynomial : 0);
    tables[0][byte] = crc;
  }
  for (std::size_t k = 1; k < 8; ++k)
    for (std::size_t byte = 0; byte < 256; ++byte) {
      const std::uint32_t before = tables[k - 1][byte];
      tables[k][byte] = (before >> 8) ^ tables[0][before & 255];
    }
  return tables;
}

inline constexpr auto tables = make_tables();

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) ODT_INLINE std::uint32_t by_instruction(std::string_view bytes, std::uint32_t start) {
  std::uint64_t crc = ~start;
  const char* at = bytes.data();
  std::size_t left = bytes.size();
  for (; left >= 8; at += 8, left -= 8) {
    std::uint64_t word;
    std::memcpy(&word, at, 8);
    crc = _mm_crc32_u64(crc, word);
  }
  auto narrow = static_cast<std::uint32_t>(crc);
  for (; left > 0; ++at, --left) narrow = _mm_crc32_u8(narrow, static_cast<unsigned char>(*at));
  return ~narrow;
}
#endif

}  // namespace detail::crc

ODT_INLINE std::uint32_t crc32c_by_table(std::string_view bytes, std::uint32_t start) {
  const auto& tables = detail::crc::tables;
  std::uint32_t crc = ~start;
  const char* at = bytes.data();
  std::size_t left = bytes.size();
  if constexpr (std::endian::native == std::endian::little)
    for (; left >= 8; at += 8, left -= 8) {
      std::uint32_t low, high;
      std::memcpy(&low, at, 4);
      std::memcpy(&high, at + 4, 4);
      low ^= crc;
      crc = tables[7][low & 255] ^ tables[6][(low >> 8) & 255] ^ tables[5][(low >> 16) & 255] ^ tables[4][low >> 24] ^
            tables[3][high & 255] ^ tables[2][(high >> 8) & 255] ^ tables[1][(high >> 16) & 255] ^
            tables[0][high >> 24];
    }
  for (; left > 0; ++at, --left) crc = (crc >> 8) ^ tables[0][(crc ^ static_cast<unsigned char>(*at)) & 255];
  return ~crc;
}

ODT_INLINE std::uint32_t crc32c(std::string_view bytes, std::uint32_t start) {
#if defined(__x86_64__)
  static const bool has_instruction = __builtin_cpu_supports("sse4.2");
  if (has_instruction) return detail::crc::by_instruction(bytes, start);
#endif
  return crc32c_by_table(bytes, start);
}

}  // namespace odt
