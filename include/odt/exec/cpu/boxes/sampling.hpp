// SPDX-License-Identifier: MIT
// A balanced sampler's selection for one image.
#pragma once

#include <odt/exec/balanced_sampler.hpp>
#include <odt/exec/cpu/machine/isa.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace odt::cpu {
inline namespace ODT_ISA {

/// Memory of one thread, reused from image to image.
struct sampling_workspace {
  sampling_workspace() = default;
  explicit sampling_workspace(int candidates) {
    const auto n = static_cast<std::size_t>(candidates);
    positives.reserve(n);
    negatives.reserve(n);
    sampled.reserve(n);
  }

  std::size_t bytes() const {
    return (positives.capacity() + negatives.capacity()) * sizeof(rank_key) + sampled.capacity() * sizeof(int);
  }

  std::vector<rank_key> positives, negatives;
  std::vector<int> sampled;
};

namespace detail {

/// Keeps the `count` lowest ranks.
inline void keep_lowest(std::vector<rank_key>& ranks, int count) {
  const auto limit = static_cast<std::size_t>(std::max(count, 0));
  if (ranks.size() <= limit) return;
  std::nth_element(ranks.begin(), ranks.begin() + static_cast<std::ptrdiff_t>(limit), ranks.end());
  ranks.resize(limit);
}

}  // namespace detail

/// What the sampler takes of `count` candidates, by rising index; lives in the workspace. `kind(i)` says what
/// candidate i is.
template <class Kind>
std::span<const int> sample(const balanced_sampler& how, const sampling_key& key, int count, const Kind& kind,
                            sampling_workspace& space) {
  space.positives.clear();
  space.negatives.clear();
  for (int i = 0; i < count; ++i) {
    const candidate what = kind(i);
    if (what == candidate::none) continue;
    auto& ranks = what == candidate::positive ? space.positives : space.negatives;
    ranks.push_back(sampling_rank(how, key, static_cast<std::uint32_t>(i)));
  }
  detail::keep_lowest(space.positives, how.most_positives(static_cast<int>(space.positives.size())));
  detail::keep_lowest(space.negatives, how.most_negatives(static_cast<int>(space.positives.size())));
  space.sampled.clear();
  for (const auto* ranks : {&space.positives, &space.negatives})
    for (const rank_key rank : *ranks) space.sampled.push_back(static_cast<int>(ranked_index(rank)));
  std::ranges::sort(space.sampled);
  return space.sampled;
}

}  // namespace ODT_ISA
}  // namespace odt::cpu
