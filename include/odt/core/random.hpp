// SPDX-License-Identifier: MIT
// Counter-based random numbers (Philox 4x32-10; Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC'11):
// the n-th number of a stream is a pure function of (seed, stream, stage, n), so that any thread may draw it.
#pragma once

#include <odt/core/target.hpp>

#include <array>
#include <cmath>
#include <cstdint>

namespace odt {

/// Philox 4x32 with 10 rounds: four random words for a 128-bit counter and a 64-bit key.
ODT_HD constexpr std::array<std::uint32_t, 4> philox(std::array<std::uint32_t, 4> counter,
                                                     std::array<std::uint32_t, 2> key) {
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t a = std::uint64_t{0xD2511F53u} * counter[0];
    const std::uint64_t b = std::uint64_t{0xCD9E8D57u} * counter[2];
    counter = {static_cast<std::uint32_t>(b >> 32) ^ counter[1] ^ key[0], static_cast<std::uint32_t>(b),
               static_cast<std::uint32_t>(a >> 32) ^ counter[3] ^ key[1], static_cast<std::uint32_t>(a)};
    key[0] += 0x9E3779B9u;
    key[1] += 0xBB67AE85u;
  }
  return counter;
}

/// A stream of random numbers for one purpose: `stream` is e.g. the sample's number in the run or a variable's
/// index, `stage` tells apart the users of one stream (augmentation, dropout, initializer, ...).
class random_stream {
 public:
  constexpr random_stream(std::uint64_t seed, std::uint64_t stream = 0, std::uint32_t stage = 0)
      : key_{static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32)},
        counter_{0, stage, static_cast<std::uint32_t>(stream), static_cast<std::uint32_t>(stream >> 32)} {}

  /// The next 32 random bits.
  constexpr std::uint32_t bits() {
    if (used_ == 4) {
      words_ = philox(counter_, key_);
      ++counter_[0];
      used_ = 0;
    }
    return words_[used_++];
  }

  /// Uniform in [0, 1), a multiple of 2^-24.
  constexpr float uniform() { return static_cast<float>(bits() >> 8) * 0x1p-24f; }

  /// Uniform in [low, high); low when the range is empty.
  constexpr float uniform(float low, float high) {
    const float value = low + (high - low) * uniform();
    return value < high || low >= high ? value : low;
  }

  /// Uniform integer in [low, high) by multiply-shift (bias below 2^-32 * range); low when the range is empty.
  constexpr std::int64_t integer(std::int64_t low, std::int64_t high) {
    if (high <= low) return low;
    const auto range = static_cast<std::uint64_t>(high - low);
    const std::uint64_t wide = (std::uint64_t{bits()} * range) >> 32;
    return low + static_cast<std::int64_t>(wide);
  }

  /// Normal with mean 0 and standard deviation 1 (Box and Muller).
  float normal() {
    const double u = (static_cast<double>(bits()) + 1.0) * 0x1p-32;
    const double v = static_cast<double>(bits()) * 0x1p-32;
    return static_cast<float>(std::sqrt(-2.0 * std::log(u)) * std::cos(6.283185307179586 * v));
  }

  /// Normal, redrawn beyond two standard deviations, as TensorFlow's truncated_normal.
  float truncated_normal() {
    for (;;) {
      const float value = normal();
      if (value > -2.0f && value < 2.0f) return value;
    }
  }

 private:
  std::array<std::uint32_t, 2> key_;
  std::array<std::uint32_t, 4> counter_;
  std::array<std::uint32_t, 4> words_{};
  int used_ = 4;
};

}  // namespace odt
