// SPDX-License-Identifier: MIT
// Moments per channel of what a block's threads see, joined as a tree.
#pragma once

#include <odt/exec/cuda/machine/pixels.cuh>

namespace odt::cuda {

/// Moments of a thread's values about the first one.
template <int Width>
struct moment_adder {
  floats<Width> shift{}, sum{}, square{};
  int count = 0;

  __device__ void add(const floats<Width>& v) {
    if (count == 0) shift = v;
    ++count;
#pragma unroll
    for (int i = 0; i < Width; ++i) {
      const float apart = v[i] - shift[i];
      sum[i] += apart;
      square[i] = fmaf(apart, apart, square[i]);
    }
  }

  /// Means in [0, Width), squares about them behind, the count last.
  __device__ floats<2 * Width + 1> result() const {
    floats<2 * Width + 1> r;
    const float inverse = count > 0 ? 1.0f / static_cast<float>(count) : 0.0f;
#pragma unroll
    for (int i = 0; i < Width; ++i) {
      r[i] = fmaf(sum[i], inverse, shift[i]);
      r[Width + i] = fmaxf(fmaf(-sum[i] * inverse, sum[i], square[i]), 0.0f);
    }
    r[2 * Width] = static_cast<float>(count);
    return r;
  }
};

/// Chan's formula.
template <int Width>
struct merge_moments {
  __device__ void operator()(floats<2 * Width + 1>& own, const floats<2 * Width + 1>& other) const {
    const float count = own[2 * Width] + other[2 * Width];
    const float share = count > 0 ? other[2 * Width] / count : 0.0f;
#pragma unroll
    for (int i = 0; i < Width; ++i) {
      const float apart = other[i] - own[i];
      own[i] = fmaf(apart, share, own[i]);
      own[Width + i] += fmaf(apart * apart, own[2 * Width] * share, other[Width + i]);
    }
    own[2 * Width] = count;
  }
};

/// Joins the block's moments and writes them as part blockIdx.x.
template <int Width>
__device__ void leave_moments(const moment_adder<Width>& adder, const partial_sums& rows, int channel, bool active) {
  floats<2 * Width + 1> own = adder.result();
  join_rows(own, merge_moments<Width>{});
  if (!active || threadIdx.y != 0) return;
  float* const to = rows.at + 3 * std::int64_t{blockIdx.x} * rows.stride + channel;
#pragma unroll
  for (int i = 0; i < Width; ++i) {
    to[i] = own[2 * Width];
    to[rows.stride + i] = own[i];
    to[2 * rows.stride + i] = own[Width + i];
  }
}

}  // namespace odt::cuda
