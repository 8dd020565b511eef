// SPDX-License-Identifier: MIT
// The mean of an image's pixels, a channel at a time. T is float or bf16.
#pragma once

#include <odt/exec/cuda/machine/tensor.hpp>

namespace odt::cuda {

/// y[n, 0, 0, c] = the mean of transform(x) over the pixels of image n.
template <class T>
void global_pool(cudaStream_t stream, const reading<T>& x, const tensor<T>& y);

/// dx = (accumulate ? dx : 0) + the gradient of sum(y*dy) with respect to the transformed x: dy / pixels everywhere.
template <class T>
void global_pool_backward(cudaStream_t stream, const tensor<const T>& dy, const tensor<T>& dx, bool accumulate);

}  // namespace odt::cuda
