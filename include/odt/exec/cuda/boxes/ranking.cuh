// SPDX-License-Identifier: MIT
// What selects boxes by their scores: mining and non-maximum suppression.
#pragma once

#include <odt/core/box.hpp>
#include <odt/core/rank.hpp>

#include <cuda_runtime.h>

namespace odt::cuda {

/// `no_rank` for scores that are not above the threshold, NaN among them.
__device__ inline rank_key ranked(float score, float threshold, int index) {
  return score > threshold ? rank_of(score, static_cast<std::uint32_t>(index)) : no_rank;
}

/// Bitonic sort (Batcher, 1968) of a power of two of keys by a block of so many threads.
template <int Threads>
__device__ void sort(rank_key* keys, int count) {
  for (int width = 2; width <= count; width *= 2)
    for (int apart = width / 2; apart > 0; apart /= 2) {
      __syncthreads();
      for (int i = static_cast<int>(threadIdx.x); i < count / 2; i += Threads) {
        const int low = i / apart * 2 * apart + i % apart, high = low + apart;
        const rank_key a = keys[low], b = keys[high];
        if ((a > b) == ((low & width) == 0)) keys[low] = b, keys[high] = a;
      }
    }
  __syncthreads();
}

__device__ inline float4 as_vector(const boxf& b) { return {b.ymin, b.xmin, b.ymax, b.xmax}; }
__device__ inline boxf as_box(const float4& v) { return {v.x, v.y, v.z, v.w}; }

/// Whether a better ranked box goes before this one, both upright: the very comparison of the CPU's. What has no area,
/// or one that is no number, neither suppresses nor is suppressed. `low` is a little below the threshold; a division is
/// made only above it.
__device__ inline bool suppresses(const boxf& better, float better_area, const boxf& b, float own_area, float threshold,
                                  float low) {
  const float shared = intersection(better, b), either = better_area + own_area - shared;
  return shared > either * low && shared / either > threshold;
}

}  // namespace odt::cuda
