// SPDX-License-Identifier: MIT
// Enlarging by a whole factor, every pixel repeated. T is float or bf16.
#pragma once

#include <odt/exec/cuda/machine/tensor.hpp>

namespace odt::cuda {

/// y[r, c] = transform(x)[r / factor, c / factor]. y has x's channels and batch, and may end before the last
/// repetition, at the bottom and on the right.
template <class T>
void upsample(cudaStream_t stream, int factor, const reading<T>& x, const tensor<T>& y);

/// dx = (accumulate ? dx : 0) + the gradient of sum(y*dy) with respect to the transformed x: the sum of dy over the
/// pixels that repeat one.
template <class T>
void upsample_backward(cudaStream_t stream, int factor, const tensor<const T>& dy, const tensor<T>& dx,
                       bool accumulate);

}  // namespace odt::cuda
