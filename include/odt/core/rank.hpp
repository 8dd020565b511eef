// SPDX-License-Identifier: MIT
// Scores as unsigned numbers: where they sort and are compared as one, best first and ties by index.
#pragma once

#include <odt/core/target.hpp>

#include <bit>
#include <cstdint>

namespace odt {

/// Rises with x; -0 and 0 are one. Not for NaN.
ODT_HD constexpr std::uint32_t rising_bits(float x) {
  const auto bits = std::bit_cast<std::uint32_t>(x + 0.0f);
  return bits & 0x80000000u ? ~bits : bits | 0x80000000u;
}

/// Orders ascending by falling score, then by rising index.
using rank_key = std::uint64_t;

ODT_HD constexpr rank_key rank_of(float score, std::uint32_t index) {
  return static_cast<rank_key>(~rising_bits(score)) << 32 | index;
}
ODT_HD constexpr std::uint32_t ranked_index(rank_key key) { return static_cast<std::uint32_t>(key); }

/// Behind all scores.
inline constexpr rank_key no_rank = ~rank_key{0};

}  // namespace odt
