// SPDX-License-Identifier: MIT
#include <odt/exec/cuda/machine/error.hpp>
#include <odt/exec/cuda/ranks/rank_numbers.hpp>

#include <algorithm>

namespace odt::cuda {

namespace {

constexpr int threads = 256;
constexpr int levels = 10;  // of the tree: 1024 ranks

unsigned blocks_for(std::int64_t count) {
  return static_cast<unsigned>(std::clamp<std::int64_t>((count + threads - 1) / threads, 1, 2048));
}

template <class Body>
__device__ void each(std::int64_t count, const Body& body) {
  for (std::int64_t i = std::int64_t{blockIdx.x} * threads + threadIdx.x; i < count;
       i += std::int64_t{gridDim.x} * threads)
    body(i);
}

/// Partial sums of 2^k neighbours lie in nodes[k]; all indices are known to the compiler, so that they are registers.
template <class T>
__device__ T sum_of_column(const T* column, int ranks, std::int64_t apart) {
  T nodes[levels] = {};
  for (int r = 0; r + 1 < ranks; ++r) {
    T sum = column[r * apart];
    bool carries = true;
#pragma unroll
    for (int k = 0; k < levels; ++k) {
      const bool full = (r >> k & 1) != 0;
      if (carries && full) sum = nodes[k] + sum;
      if (carries && !full) nodes[k] = sum, carries = false;
    }
  }
  T sum = column[(ranks - 1) * apart];
#pragma unroll
  for (int k = 0; k < levels; ++k)
    if (((ranks - 1) >> k & 1) != 0) sum = nodes[k] + sum;
  return sum;
}

template <class T>
__global__ __launch_bounds__(threads) void sum_columns(const T* rows, int ranks, std::int64_t apart, std::int64_t count,
                                                       T scale, T* to) {
  each(count, [&](std::int64_t i) { to[i] = sum_of_column(rows + i, ranks, apart) * scale; });
}

__global__ __launch_bounds__(threads) void take_away(const float* before, std::int64_t count, float* values,
                                                     float* moved) {
  each(count, [&](std::int64_t i) { moved[i] = values[i] - before[i], values[i] = before[i]; });
}

__global__ __launch_bounds__(threads) void put_back(const float* moved, float ranks, std::int64_t count,
                                                    float* values) {
  each(count, [&](std::int64_t i) { values[i] += moved[i] / ranks; });
}

__global__ void sum_by_one(const double* values, int count, double* to) {
  double sum = 0;
  for (int i = 0; i < count; ++i) sum += values[i];
  *to = sum;
}

__global__ void put_first(const double* sum, int count, double* values) {
  for (int i = 0; i < count; ++i) values[i] = i == 0 ? *sum : 0.0;
}

__global__ void tell_host(int number, volatile int* at) { *at = number; }

template <class T>
void sum(cudaStream_t stream, const T* rows, int ranks, std::int64_t apart, std::int64_t count, T scale, T* to) {
  if (count == 0) return;
  if (ranks > 1 << levels) fail("GPUs of up to ", 1 << levels, " ranks add up together, and there are ", ranks);
  sum_columns<<<blocks_for(count), threads, 0, stream>>>(rows, ranks, apart, count, scale, to);
  check_launch("sum_rows");
}

}  // namespace

void sum_rows(cudaStream_t stream, const float* rows, int ranks, std::int64_t apart, std::int64_t count, float scale,
              float* to) {
  sum(stream, rows, ranks, apart, count, scale, to);
}
void sum_rows(cudaStream_t stream, const double* rows, int ranks, std::int64_t apart, std::int64_t count, double* to) {
  sum(stream, rows, ranks, apart, count, 1.0, to);
}

void take_moves(cudaStream_t stream, const float* before, std::int64_t count, float* values, float* moved) {
  if (count == 0) return;
  take_away<<<blocks_for(count), threads, 0, stream>>>(before, count, values, moved);
  check_launch("take_moves");
}

void put_moves(cudaStream_t stream, const float* moved, int ranks, std::int64_t count, float* values) {
  if (count == 0) return;
  put_back<<<blocks_for(count), threads, 0, stream>>>(moved, static_cast<float>(ranks), count, values);
  check_launch("put_moves");
}

void sum_up(cudaStream_t stream, const double* values, int count, double* to) {
  sum_by_one<<<1, 1, 0, stream>>>(values, count, to);
  check_launch("sum_up");
}

void put_sum(cudaStream_t stream, const double* sum, int count, double* values) {
  put_first<<<1, 1, 0, stream>>>(sum, count, values);
  check_launch("put_sum");
}

void tell(cudaStream_t stream, int number, int* at) {
  tell_host<<<1, 1, 0, stream>>>(number, at);
  check_launch("tell");
}

}  // namespace odt::cuda
