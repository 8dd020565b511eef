// SPDX-License-Identifier: MIT
// A shuffle without a buffer: the order of an epoch is a keyed permutation that any thread evaluates at any place.
#pragma once

#include <odt/core/random.hpp>

#include <algorithm>
#include <bit>
#include <cstdint>

namespace odt {

/// Which of `size` examples comes at `position` of an epoch. For fixed seed, epoch and size it is a permutation of
/// 0 .. size - 1: a Feistel network with Philox as its round function, walked until it lands inside (Black and Rogaway,
/// "Ciphers with arbitrary finite domains", 2002).
constexpr std::uint64_t shuffled(std::uint64_t seed, std::uint64_t epoch, std::uint64_t size, std::uint64_t position) {
  constexpr std::uint32_t rounds = 6, first_stage = 0x200;
  const int half =
      std::max(4, (static_cast<int>(std::bit_width(size)) + 1) / 2);  // small domains would permute too regularly
  const std::uint64_t mask = (std::uint64_t{1} << half) - 1;
  const auto low = [](std::uint64_t v) { return static_cast<std::uint32_t>(v); };
  const auto high = [](std::uint64_t v) { return static_cast<std::uint32_t>(v >> 32); };
  do {
    std::uint64_t left = position >> half, right = position & mask;
    for (std::uint32_t round = 0; round < rounds; ++round) {
      const auto words = philox({low(right), first_stage + round, low(epoch), high(epoch)}, {low(seed), high(seed)});
      const std::uint64_t mixed = left ^ (words[0] & mask);
      left = right;
      right = mixed;
    }
    position = left << half | right;
  } while (position >= size);
  return position;
}

}  // namespace odt
