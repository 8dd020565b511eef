// SPDX-License-Identifier: MIT
// Sums and products of two tensors, element by element. Both are read through their transforms. T is float or bf16.
#pragma once

#include <odt/exec/cuda/machine/tensor.hpp>

#include <cstdint>

namespace odt::cuda {

/// y = transform(a) + transform(b), all of the same extents; y may be a's or b's memory.
template <class T>
void add(cudaStream_t stream, const reading<T>& a, const reading<T>& b, const tensor<T>& y);

/// y = (accumulate ? y : 0) + transform(a) * transform(b). b is of a's extents or of one pixel an image
/// ([batch, 1, 1, channels]), which multiplies all of that image's.
template <class T>
void multiply(cudaStream_t stream, const reading<T>& a, const reading<T>& b, const tensor<T>& y, bool accumulate);

/// The gradient of such a factor b of one pixel an image: db[n, 0, 0, c] = (accumulate ? db : 0) + the sum of
/// transform(a) * dy over the pixels of image n.
template <class T>
void multiply_and_sum(cudaStream_t stream, const reading<T>& a, const tensor<const T>& dy, const tensor<T>& db,
                      bool accumulate);

/// to[i] += from[i], i < count.
void add_floats(cudaStream_t stream, const float* from, float* to, std::int64_t count);

}  // namespace odt::cuda
