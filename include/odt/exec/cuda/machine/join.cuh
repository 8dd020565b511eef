// SPDX-License-Identifier: MIT
// Sums over partial results, in an order that their number fixes.
#pragma once

#include <odt/exec/cuda/machine/error.hpp>

#include <cstdint>

namespace odt::cuda {

/// Where the sums of a matrix go; null: nowhere. Here, in the order of the parts.
struct same_place {
  float* to;

  __device__ float* operator()(std::int64_t i) const { return to + i; }
};

/// Of a dense gradient [taps*inputs][columns], what belongs to a depthwise convolution: [taps*inputs][multiplier].
struct own_place {
  float* to;
  int columns, inputs, multiplier;

  __device__ float* operator()(std::int64_t i) const {
    const std::int64_t row = i / columns;
    const auto column = static_cast<int>(i % columns);
    return column / multiplier == row % inputs ? to + row * multiplier + column % multiplier : nullptr;
  }
};

/// Of two matrices side by side, the first of which is padded to `split` columns.
struct two_places {
  float *first, *second;
  int columns, first_columns, split;

  __device__ float* operator()(std::int64_t i) const {
    const std::int64_t row = i / columns;
    const auto column = static_cast<int>(i % columns);
    if (column >= split) return second + row * (columns - split) + column - split;
    return column < first_columns ? first + row * first_columns + column : nullptr;
  }
};

/// *place(i) = the sum over parts p, in order, of from[p*stride + i], for i < count.
template <class Place>
__global__ void join_parts(const float* from, std::int64_t stride, int parts, std::int64_t count, Place place) {
  const std::int64_t i = std::int64_t{1} * blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= count) return;
  float* const to = place(i);
  if (!to) return;
  double sum = 0;
#pragma unroll 8
  for (int p = 0; p < parts; ++p) sum += static_cast<double>(from[p * stride + i]);
  *to = static_cast<float>(sum);
}

template <class Place>
void launch_join(cudaStream_t stream, const float* from, std::int64_t stride, int parts, std::int64_t count,
                 const Place& place) {
  constexpr int threads = 128;
  const auto blocks = static_cast<unsigned>((count + threads - 1) / threads);
  join_parts<<<blocks, threads, 0, stream>>>(from, stride, parts, count, place);
  check_launch("join_parts");
}

}  // namespace odt::cuda
