// SPDX-License-Identifier: MIT
// Dense convolutions as implicit matrix products: forward, data gradient, weight gradient. What the input's batch norm
// and activation do is applied while it is loaded; what the output's batch norm needs is summed while it is stored.
// T: float (plain multiply-adds) or bf16 (tensor cores, sums in float); predictions are float. No launch allocates or
// waits.
#pragma once

#include <odt/exec/cuda/convolution/packing.hpp>
#include <odt/exec/cuda/machine/tensor.hpp>

#include <cstdint>

namespace odt::cuda {

/// y = convolution(transform(x)) + bias, finished by `finish`. `weights` is packed: [kernel_height * kernel_width *
/// x.channels][packed(y.channels)]. Writes the moments of what is stored into `sums` where wanted, and returns their
/// number of parts.
template <class T>
int conv_forward(cudaStream_t stream, const window& w, const reading<T>& x, const T* weights, const float* bias,
                 const tensor<T>& y, const partial_sums& sums = {}, const pending& finish = {});

/// What a head predicts, and its biases, or null.
struct head_output {
  tensor<float> y{};
  const float* bias = nullptr;
};

/// The predictions of one head, or of two that read the same, in one product: the rows of `weights` have the packed
/// columns of the first and, behind them, those of the second.
template <class T>
void conv_forward_heads(cudaStream_t stream, const window& w, const reading<T>& x, const T* weights,
                        const head_output& first, const head_output& second = {});

/// dx = (accumulate ? dx : 0) + the gradient with respect to what the convolution read. dy and `weights` may be those
/// of two heads side by side. Returns the number of parts of the sums, where wanted.
template <class T>
int conv_backward_data(cudaStream_t stream, const window& w, const tensor<const T>& dy, const T* weights,
                       const tensor<T>& dx, bool accumulate, const gradient_sums<T>& sums = {});

/// Where the gradient of a layer's variables goes, as they lie; no biases: null.
struct gradient_target {
  weights_matrix of{};
  float* weights = nullptr;
  float* biases = nullptr;
};

/// The gradient of the weights and the biases; `scratch` has conv_weights_scratch floats. dy may have more channels
/// than the matrix has columns, and x (times the window's taps) more than it has rows; these are zeros.
template <class T>
void conv_backward_weights(cudaStream_t stream, const window& w, const reading<T>& x, const tensor<const T>& dy,
                           const gradient_target& to, float* scratch);

/// The same of two heads with biases in one product; dy has the packed channels of the first, then those of the second,
/// and `scratch` what both side by side need.
template <class T>
void conv_backward_weights(cudaStream_t stream, const window& w, const reading<T>& x, const tensor<const T>& dy,
                           const gradient_target& first, const gradient_target& second, float* scratch);

}  // namespace odt::cuda
