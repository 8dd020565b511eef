// SPDX-License-Identifier: MIT
// CRC-32C (Castagnoli), and the rotated form in which TensorFlow's records and checkpoints store it.
#pragma once

#include <cstdint>
#include <string_view>

namespace odt {

/// The checksum of `bytes`; `start` is that of what came before them. Uses the processor's instruction when it has one.
std::uint32_t crc32c(std::string_view bytes, std::uint32_t start = 0);

/// The same by tables alone.
std::uint32_t crc32c_by_table(std::string_view bytes, std::uint32_t start = 0);

constexpr std::uint32_t mask_crc(std::uint32_t crc) { return ((crc >> 15) | (crc << 17)) + 0xa282ead8u; }

constexpr std::uint32_t unmask_crc(std::uint32_t masked) {
  const std::uint32_t rotated = masked - 0xa282ead8u;
  return (rotated >> 17) | (rotated << 15);
}

inline std::uint32_t masked_crc32c(std::string_view bytes) { return mask_crc(crc32c(bytes)); }

}  // namespace odt

#if defined(ODT_HEADER_ONLY)
#include <odt/io/crc32c.ipp>
#endif
