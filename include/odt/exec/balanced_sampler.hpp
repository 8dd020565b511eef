// SPDX-License-Identifier: MIT
// Which candidates a loss looks at: so many at most, and of them so many positives at most (Girshick, 2015, section
// 2.3). The choice is a run-time value; the selection of an image is in exec/<device>.
#pragma once

#include <odt/core/random.hpp>
#include <odt/core/rank.hpp>

#include <cstdint>

namespace odt {

/// What a candidate is to a sampler.
enum class candidate : std::uint8_t { none, negative, positive };

/// The API's BalancedPositiveNegativeSampler: positives first, then negatives up to the size. Missing negatives are not
/// made up for by positives.
struct balanced_sampler {
  int size = 256;                  ///< 0: all positives, and negatives to match the fraction
  float positive_fraction = 0.5f;  ///< of the size
  bool lowest_indices = false;     ///< instead of random ones: for comparisons

  ODT_HD constexpr int most_positives(int positives) const {
    return size > 0 ? static_cast<int>(static_cast<double>(positive_fraction) * size) : positives;
  }
  ODT_HD constexpr int most_negatives(int sampled_positives) const {
    if (size > 0) return size > sampled_positives ? size - sampled_positives : 0;
    const double fraction = positive_fraction;
    return static_cast<int>((1 - fraction) / fraction * sampled_positives);
  }
};

/// Where an image's random numbers come from: the run's seed, the sample's number in the run, the sampler.
struct sampling_key {
  std::uint64_t seed = 0;
  std::uint64_t sample = 0;
  std::uint32_t stage = 0;
};

inline constexpr std::uint32_t first_stage_sampling = 0x5a01u, second_stage_sampling = 0x5a02u;

/// Candidates are taken by rising rank: a pure function of key and index, so that any thread may compute it.
ODT_HD constexpr rank_key sampling_rank(const balanced_sampler& how, const sampling_key& key, std::uint32_t index) {
  if (how.lowest_indices) return index;
  const auto words = philox(
      {index / 4, key.stage, static_cast<std::uint32_t>(key.sample), static_cast<std::uint32_t>(key.sample >> 32)},
      {static_cast<std::uint32_t>(key.seed), static_cast<std::uint32_t>(key.seed >> 32)});
  return static_cast<rank_key>(words[index % 4]) << 32 | index;
}

}  // namespace odt
