// SPDX-License-Identifier: MIT
// Depthwise convolutions with depth multiplier 1: every channel has one kernel of its own. T is float or bf16; weights
// are floats, [kernel_height, kernel_width, channels].
#pragma once

#include <odt/exec/cuda/machine/tensor.hpp>

namespace odt::cuda {

/// y = finish(conv(transform(x), weights) + bias), padded with zeros; bias may be null. Writes the moments of y as
/// stored where they are wanted, and returns the number of their parts, most_parts at most.
template <class T>
int depthwise_forward(cudaStream_t stream, const window& w, const reading<T>& x, const float* weights,
                      const float* bias, const tensor<T>& y, const partial_sums& moments, const pending& finish = {});

/// dweights and dbias (may be null) = the gradients of sum(y*dy), dx = (accumulate ? dx : 0) + that with respect to the
/// transformed x. A dx without data is not written: an input that needs no gradient. Where sums.rows are wanted, writes
/// those of dx as stored and returns the number of their parts, most_parts at most; else 0. `scratch` has
/// depthwise_backward_scratch floats.
template <class T>
int depthwise_backward(cudaStream_t stream, const window& w, const reading<T>& x, const tensor<const T>& dy,
                       const float* weights, const tensor<T>& dx, bool accumulate, float* dweights, float* dbias,
                       const gradient_sums<T>& sums, float* scratch);

}  // namespace odt::cuda
