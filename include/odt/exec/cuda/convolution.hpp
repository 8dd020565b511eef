// SPDX-License-Identifier: MIT
// Dense convolutions as implicit matrix products: forward, data gradient, weight gradient. What the input's batch norm
// and activation do is applied while it is loaded; what the output's batch norm needs is summed while it is stored.
// T: float (plain multiply-adds) or bf16 (tensor cores, sums in float). No launch allocates or waits.
#pragma once

#include <odt/exec/cuda/packing.hpp>
#include <odt/exec/cuda/tensor.hpp>

#include <cstdint>

namespace odt::cuda {

/// y = convolution(transform(x)) + bias, finished by `finish`. `weights` is packed: [kernel_height * kernel_width *
/// x.channels][packed(y.channels)]. Out: T, or float for predictions. Writes the moments of what is stored
/// into `sums` where wanted, and returns their number of parts.
template <class T, class Out>
int conv_forward(cudaStream_t stream, const window& w, const reading<T>& x, const T* weights, const float* bias,
                 const tensor<Out>& y, const partial_sums& sums = {}, const pending& finish = {});

/// dx = (accumulate ? dx : 0) + the gradient with respect to what the convolution read. In: T, or float for
/// predictions. Returns the number of parts of the sums, where wanted.
template <class T, class In>
int conv_backward_data(cudaStream_t stream, const window& w, const tensor<const In>& dy, const T* weights,
                       const tensor<T>& dx, bool accumulate, const gradient_sums<T>& sums = {});

/// dweights, as the variable lies, and, unless null, dbias; `scratch` has conv_weights_scratch floats. dy may have more
/// channels than the matrix has columns, and x (times the window's taps) more than it has rows; these are zeros.
template <class T, class In>
void conv_backward_weights(cudaStream_t stream, const window& w, const reading<T>& x, const tensor<const In>& dy,
                           const weights_matrix& of, float* dweights, float* dbias, float* scratch);

}  // namespace odt::cuda
