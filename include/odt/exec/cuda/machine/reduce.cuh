// SPDX-License-Identifier: MIT
// Sums, maxima and counts over a warp or a block, by trees that their sizes fix.
#pragma once

#include <cuda_runtime.h>

namespace odt::cuda {

inline constexpr unsigned full_warp = 0xffffffffu;

/// Every lane gets the fold of all lanes' values.
template <class T, class Fold>
__device__ T warp_fold(T value, const Fold& fold) {
#pragma unroll
  for (int apart = 16; apart > 0; apart /= 2) value = fold(value, __shfl_xor_sync(full_warp, value, apart));
  return value;
}

template <class T>
__device__ T warp_sum(T value) {
  return warp_fold(value, [](T a, T b) { return a + b; });
}

/// Every thread of the block gets the sum. `shared` has room for 33 values; the block is whole warps.
template <class T>
__device__ T block_sum(T value, T* shared) {
  const int lane = static_cast<int>(threadIdx.x) % 32, warp = static_cast<int>(threadIdx.x) / 32;
  value = warp_sum(value);
  __syncthreads();
  if (lane == 0) shared[warp] = value;
  __syncthreads();
  if (warp == 0) {
    const T mine = warp_sum(lane < static_cast<int>(blockDim.x) / 32 ? shared[lane] : T(0));
    if (lane == 0) shared[32] = mine;
  }
  __syncthreads();
  return shared[32];
}

/// How many threads up to and with this one say yes, and how many in all. `shared` has room for 33 numbers.
struct block_count {
  int upto = 0, total = 0;

  __device__ static block_count of(bool yes, int* shared) {
    const int lane = static_cast<int>(threadIdx.x) % 32, warp = static_cast<int>(threadIdx.x) / 32;
    const int warps = static_cast<int>(blockDim.x) / 32;
    const unsigned votes = __ballot_sync(full_warp, yes);
    __syncthreads();
    if (lane == 0) shared[warp] = __popc(votes);
    __syncthreads();
    block_count result;
    for (int w = 0; w < warps; ++w) {
      if (w < warp) result.upto += shared[w];
      result.total += shared[w];
    }
    result.upto += __popc(votes & (full_warp >> (31 - lane)));
    return result;
  }
};

}  // namespace odt::cuda
