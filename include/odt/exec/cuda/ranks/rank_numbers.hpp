// SPDX-License-Identifier: MIT
// What several ranks' numbers in device memory become.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>

namespace odt::cuda {

/// Of `ranks` rows, `apart` elements from one to the next, writes the sums of the first `count` columns times `scale`.
/// The order of a sum is that of a pairwise_sum. `to` may be the first row.
void sum_rows(cudaStream_t stream, const float* rows, int ranks, std::int64_t apart, std::int64_t count, float scale,
              float* to);
void sum_rows(cudaStream_t stream, const double* rows, int ranks, std::int64_t apart, std::int64_t count, double* to);

/// moved = values - before, and the values are those before again.
void take_moves(cudaStream_t stream, const float* before, std::int64_t count, float* values, float* moved);
/// values += moved / ranks
void put_moves(cudaStream_t stream, const float* moved, int ranks, std::int64_t count, float* values);

/// to = the sum of the values.
void sum_up(cudaStream_t stream, const double* values, int count, double* to);
/// values = {sum, 0, 0...}
void put_sum(cudaStream_t stream, const double* sum, int count, double* values);

/// Lets the host see how far the stream is: `at` lies in pinned memory.
void tell(cudaStream_t stream, int number, int* at);

}  // namespace odt::cuda
