// SPDX-License-Identifier: MIT
// Loops over a thread's pixels that have several vectors on their way before the first is used.
#pragma once

#include <odt/exec/cuda/machine/pixels.cuh>

namespace odt::cuda {

/// A thread's pixels: first, first + step, ... below count.
struct pixel_share {
  unsigned first, step, count;
};

/// This thread's where the whole grid shares `count` pixels.
__device__ inline pixel_share share_of_grid(unsigned count) {
  return {blockIdx.x * blockDim.y + threadIdx.y, gridDim.x * blockDim.y, count};
}

/// body(pixel, vector at channel c of it) for a thread's pixels of x, which has at(pixel).
template <int Width, class Pixels, class Body>
__device__ void each_vector(const pixel_share& own, const Pixels& x, int c, const Body& body) {
  each_item<4>(own.first, own.step, own.count, [&](auto count, unsigned first, unsigned step) {
    floats<Width> v[count];
#pragma unroll
    for (int u = 0; u < count; ++u) v[u] = load<Width>(x.at(first + u * step) + c);
#pragma unroll
    for (int u = 0; u < count; ++u) body(first + u * step, v[u]);
  });
}

/// body(pixel, vector of a, vector of b), `Unroll` of each on their way.
template <int Width, int Unroll, class A, class B, class Body>
__device__ void each_pair(const pixel_share& own, const A& a, const B& b, int c, const Body& body) {
  each_item<Unroll>(own.first, own.step, own.count, [&](auto count, unsigned first, unsigned step) {
    floats<Width> v[count], w[count];
#pragma unroll
    for (int u = 0; u < count; ++u) {
      v[u] = load<Width>(a.at(first + u * step) + c);
      w[u] = load<Width>(b.at(first + u * step) + c);
    }
#pragma unroll
    for (int u = 0; u < count; ++u) body(first + u * step, v[u], w[u]);
  });
}

/// What lies there, or zeros.
template <int Width, class T>
__device__ floats<Width> load_if(bool wanted, const T* from) {
  return wanted ? load<Width>(from) : floats<Width>{};
}

}  // namespace odt::cuda
