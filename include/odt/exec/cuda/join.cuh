// SPDX-License-Identifier: MIT
// Sums over partial results, in an order that their number fixes.
#pragma once

#include <odt/exec/cuda/error.hpp>

#include <cstdint>

namespace odt::cuda {

/// A join's sums stay where they are.
struct same_place {
  __device__ std::int64_t operator()(std::int64_t i) const { return i; }
};

/// Of a dense gradient [taps*inputs][columns], what belongs to a depthwise convolution: [taps*inputs][multiplier].
struct own_place {
  int columns, inputs, multiplier;

  __device__ std::int64_t operator()(std::int64_t i) const {
    const std::int64_t row = i / columns;
    const auto column = static_cast<int>(i % columns);
    return column / multiplier == row % inputs ? row * multiplier + column % multiplier : -1;
  }
};

/// out[place(i)] = the sum over parts p, in order, of from[p*stride + i], for i < count; place(i) < 0 is left out.
template <class Place>
__global__ void join_parts(const float* from, std::int64_t stride, int parts, std::int64_t count, float* out,
                           Place place) {
  const std::int64_t i = std::int64_t{1} * blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= count) return;
  const std::int64_t to = place(i);
  if (to < 0) return;
  double sum = 0;
#pragma unroll 8
  for (int p = 0; p < parts; ++p) sum += static_cast<double>(from[p * stride + i]);
  out[to] = static_cast<float>(sum);
}

template <class Place>
void launch_join(cudaStream_t stream, const float* from, std::int64_t stride, int parts, std::int64_t count, float* out,
                 const Place& place) {
  constexpr int threads = 128;
  const auto blocks = static_cast<unsigned>((count + threads - 1) / threads);
  join_parts<<<blocks, threads, 0, stream>>>(from, stride, parts, count, out, place);
  check_launch("join_parts");
}

}  // namespace odt::cuda
