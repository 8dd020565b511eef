// SPDX-License-Identifier: MIT
// The product of two tiles in shared memory by one block of 256 threads, accumulated in registers: bf16 on tensor cores
// (mma.sync m16n8k16), float by plain multiply-adds.
#pragma once

#include <odt/exec/cuda/machine/instructions.cuh>
#include <odt/exec/cuda/machine/vectors.cuh>

namespace odt::cuda {

inline constexpr int block_threads = 256;

/// How a tile of the left factor [m, k] or of the right factor [k, n] lies in shared memory: whether k is the fast
/// index.
enum class fast_index : bool { k, other };

/// Elements from one row of a tile to the next. Eight neighbouring rows lie in different banks: by padding, or, where
/// bf16 has k as its fast index, because the eight vectors of a row change places from row to row.
template <class T, fast_index Fast>
__host__ __device__ constexpr int tile_stride(int extent) {
  return Fast == fast_index::other ? extent + 8 : sizeof(T) == 2 ? tile_k : tile_k + 8;
}

/// Elements of a tile of `extent` rows or columns and tile_k steps.
template <class T, fast_index Fast>
__host__ __device__ constexpr int tile_size(int extent) {
  return (Fast == fast_index::k ? extent : tile_k) * tile_stride<T, Fast>(extent);
}

template <class T, fast_index Fast>
__device__ int tile_at(int k, int other, int extent) {
  if constexpr (Fast == fast_index::other)
    return k * tile_stride<T, Fast>(extent) + other;
  else if constexpr (sizeof(T) == 2)
    return other * tile_k + ((k / 8) ^ (other % 8)) * 8 + k % 8;
  else
    return other * tile_stride<T, Fast>(extent) + k;
}

template <class T, int M, int N>
class tile_product;

/// bf16: eight warps as 4 x 2, each with (M/4) x (N/2) of the product.
template <int M, int N>
class tile_product<bf16, M, N> {
  static constexpr int warp_m = M / 4, warp_n = N / 2, rows = warp_m / 16, columns = warp_n / 8;
  static_assert(rows >= 1 && columns % 2 == 0);

 public:
  __device__ void clear() {
#pragma unroll
    for (int i = 0; i < rows; ++i)
#pragma unroll
      for (int j = 0; j < columns; ++j)
#pragma unroll
        for (int e = 0; e < 4; ++e) sum_[i][j][e] = 0;
  }

  template <fast_index A, fast_index B>
  __device__ void add(const bf16* a, const bf16* b) {
    const int lane = threadIdx.x % 32, matrix = lane / 8, row = lane % 8;
    const bf16* const left_at =
        a + (A == fast_index::k ? (first_m() + matrix % 2 * 8 + row) * tile_k
                                : (matrix / 2 * 8 + row) * tile_stride<bf16, A>(M) + first_m() + matrix % 2 * 8);
    const bf16* const right_at =
        b + (B == fast_index::k ? (first_n() + matrix / 2 * 8 + row) * tile_k
                                : (matrix % 2 * 8 + row) * tile_stride<bf16, B>(N) + first_n() + matrix / 2 * 8);
    const int left_vector = matrix / 2 ^ row, right_vector = matrix % 2 ^ row;  // of k = 0
#pragma unroll
    for (int k = 0; k < tile_k; k += 16) {
      unsigned left[rows][4];
#pragma unroll
      for (int i = 0; i < rows; ++i) {
        if constexpr (A == fast_index::k)
          load_matrices(left[i], left_at + i * 16 * tile_k + (left_vector ^ k / 8) * 8);
        else
          load_matrices_transposed(left[i], left_at + k * tile_stride<bf16, A>(M) + i * 16);
      }
#pragma unroll
      for (int j = 0; j < columns; j += 2) {
        unsigned right[4];
        if constexpr (B == fast_index::k)
          load_matrices(right, right_at + j * 8 * tile_k + (right_vector ^ k / 8) * 8);
        else
          load_matrices_transposed(right, right_at + k * tile_stride<bf16, B>(N) + j * 8);
#pragma unroll
        for (int i = 0; i < rows; ++i) {
          multiply_add(sum_[i][j], left[i], right[0], right[1]);
          multiply_add(sum_[i][j + 1], left[i], right[2], right[3]);
        }
      }
    }
  }

  /// All that this thread holds lies in one half of the rows: 0 or 1.
  __device__ static int half() { return first_m() / (M / 2); }

  /// Calls body(m, n, two neighbours of the row) for all that this thread holds.
  template <class Body>
  __device__ void each_pair(const Body& body) const {
    const int lane = threadIdx.x % 32;
#pragma unroll
    for (int i = 0; i < rows; ++i)
#pragma unroll
      for (int j = 0; j < columns; ++j)
#pragma unroll
        for (int half = 0; half < 2; ++half)
          body(first_m() + i * 16 + half * 8 + lane / 4, first_n() + j * 8 + lane % 4 * 2,
               float2{sum_[i][j][2 * half], sum_[i][j][2 * half + 1]});
  }

 private:
  __device__ static int first_m() { return static_cast<int>(threadIdx.x) / 32 / 2 * warp_m; }
  __device__ static int first_n() { return static_cast<int>(threadIdx.x) / 32 % 2 * warp_n; }

  float sum_[rows][columns][4];
};

/// float: 16 x 16 threads, each with (M/16) x (N/16) of the product.
template <int M, int N>
class tile_product<float, M, N> {
  static constexpr int rows = M / 16, columns = N / 16;
  static_assert(columns % 2 == 0);

 public:
  __device__ void clear() {
#pragma unroll
    for (int i = 0; i < rows; ++i)
#pragma unroll
      for (int j = 0; j < columns; ++j) sum_[i][j] = 0;
  }

  template <fast_index A, fast_index B>
  __device__ void add(const float* a, const float* b) {
#pragma unroll 4
    for (int k = 0; k < tile_k; ++k) {
      float left[rows], right[columns];
#pragma unroll
      for (int i = 0; i < rows; ++i) left[i] = a[tile_at<float, A>(k, first_m() + i, M)];
#pragma unroll
      for (int j = 0; j < columns; ++j) right[j] = b[tile_at<float, B>(k, first_n() + j, N)];
#pragma unroll
      for (int i = 0; i < rows; ++i)
#pragma unroll
        for (int j = 0; j < columns; ++j) sum_[i][j] = fmaf(left[i], right[j], sum_[i][j]);
    }
  }

  __device__ static int half() { return first_m() / (M / 2); }

  template <class Body>
  __device__ void each_pair(const Body& body) const {
#pragma unroll
    for (int i = 0; i < rows; ++i)
#pragma unroll
      for (int j = 0; j < columns; j += 2) body(first_m() + i, first_n() + j, float2{sum_[i][j], sum_[i][j + 1]});
  }

 private:
  __device__ static int first_m() { return static_cast<int>(threadIdx.x) / 16 * rows; }
  __device__ static int first_n() { return static_cast<int>(threadIdx.x) % 16 * columns; }

  float sum_[rows][columns];
};

}  // namespace odt::cuda
