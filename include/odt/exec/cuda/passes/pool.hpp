// SPDX-License-Identifier: MIT
// Max and average pooling with windows of rate 1; padding is left out of the maximum and of the average's count, as
// TensorFlow's SAME does. T is float or bf16.
#pragma once

#include <odt/exec/cuda/machine/tensor.hpp>

namespace odt::cuda {

/// y = the maximum of transform(x) over each window.
template <class T>
void max_pool_forward(cudaStream_t stream, const window& w, const reading<T>& x, const tensor<T>& y);

/// dx = (accumulate ? dx : 0) + the gradient of sum(y*dy) with respect to the transformed x. It goes to the first of
/// equal values, which is found again from x. Scratch memory: a byte an element of dy, 16-byte aligned; a window has
/// 256 taps at most.
template <class T>
void max_pool_backward(cudaStream_t stream, const window& w, const reading<T>& x, const tensor<const T>& dy,
                       const tensor<T>& dx, bool accumulate, std::uint8_t* scratch);

/// y = the average of transform(x) over the part of each window that lies within the image.
template <class T>
void avg_pool_forward(cudaStream_t stream, const window& w, const reading<T>& x, const tensor<T>& y);

/// dx = (accumulate ? dx : 0) + the gradient of sum(y*dy) with respect to the transformed x.
template <class T>
void avg_pool_backward(cudaStream_t stream, const window& w, const tensor<const T>& dy, const tensor<T>& dx,
                       bool accumulate);

}  // namespace odt::cuda
