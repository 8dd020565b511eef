// SPDX-License-Identifier: MIT
#pragma once

#include <odt/core/target.hpp>
#include <odt/dataset/python_shuffle.hpp>

#include <bit>

namespace odt {

ODT_INLINE python_random::python_random(std::uint32_t seed) {
  const auto mixed = [this](std::size_t i) { return state_[i - 1] ^ (state_[i - 1] >> 30); };
  state_[0] = 19650218;
  for (std::size_t i = 1; i < words; ++i) state_[i] = 1812433253u * mixed(i) + static_cast<std::uint32_t>(i);
  std::size_t i = 1;
  const auto go_on = [this, &i] {
    if (++i < words) return;
    state_[0] = state_[words - 1];
    i = 1;
  };
  for (std::size_t k = 0; k < words; ++k, go_on()) state_[i] = (state_[i] ^ (mixed(i) * 1664525u)) + seed;
  for (std::size_t k = 1; k < words; ++k, go_on())
    state_[i] = (state_[i] ^ (mixed(i) * 1566083941u)) - static_cast<std::uint32_t>(i);
  state_[0] = 0x80000000u;
}

ODT_INLINE void python_random::refill() {
  constexpr std::size_t ahead = 397;
  for (std::size_t i = 0; i < words; ++i) {
    const std::uint32_t joined = (state_[i] & 0x80000000u) | (state_[(i + 1) % words] & 0x7FFFFFFFu);
    state_[i] = state_[(i + ahead) % words] ^ (joined >> 1) ^ (joined & 1u ? 0x9908B0DFu : 0u);
  }
  at_ = 0;
}

ODT_INLINE std::uint32_t python_random::next() {
  if (at_ == words) refill();
  std::uint32_t x = state_[at_++];
  x ^= x >> 11;
  x ^= (x << 7) & 0x9D2C5680u;
  x ^= (x << 15) & 0xEFC60000u;
  return x ^ (x >> 18);
}

ODT_INLINE std::uint32_t python_random::below(std::uint32_t limit) {
  const auto bits = static_cast<int>(std::bit_width(limit));
  std::uint32_t drawn = next() >> (32 - bits);
  while (drawn >= limit) drawn = next() >> (32 - bits);
  return drawn;
}

}  // namespace odt
