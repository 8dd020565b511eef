// SPDX-License-Identifier: MIT
// Dense convolutions as implicit matrix products: forward, data gradient, weight gradient. What the input's batch norm
// and activation do is applied while it is loaded; what the output's batch norm needs is summed while it is stored.
// T: float (plain multiply-adds) or bf16 (tensor cores, sums in float). No launch allocates or waits.
#pragma once

#include <odt/exec/cuda/tensor.hpp>

#include <cstdint>

namespace odt::cuda {

/// Columns of a packed weight matrix: those of the output, up to a multiple of eight; the rest are zeros.
constexpr std::int64_t packed_columns(int channels) { return (channels + 7) / 8 * 8; }

/// y = convolution(transform(x)) + bias, finished by `finish`. `weights` is packed: [kernel_height * kernel_width *
/// x.channels][packed_columns(y.channels)]. Out: T, or float for predictions. Writes the moments of what is stored
/// into `sums` where wanted, and returns their number of parts.
template <class T, class Out>
int conv_forward(cudaStream_t stream, const window& w, const reading<T>& x, const T* weights, const float* bias,
                 const tensor<Out>& y, const partial_sums& sums = {}, const pending& finish = {});

/// dx = (accumulate ? dx : 0) + the gradient with respect to what the convolution read. In: T, or float for
/// predictions. Returns the number of parts of the sums, where wanted.
template <class T, class In>
int conv_backward_data(cudaStream_t stream, const window& w, const tensor<const In>& dy, const T* weights,
                       const tensor<T>& dx, bool accumulate, const gradient_sums<T>& sums = {});

/// Floats of scratch memory for conv_backward_weights.
std::int64_t conv_weights_scratch(const window& w, int input_channels, int output_channels, std::int64_t pixels);

/// dweights (as the variable lies: [kh][kw][x.channels][dy.channels], or with `multiplier` > 0 that of a depthwise
/// convolution, [kh][kw][x.channels][multiplier]) and, unless null, dbias.
template <class T, class In>
void conv_backward_weights(cudaStream_t stream, const window& w, const reading<T>& x, const tensor<const In>& dy,
                           int multiplier, float* dweights, float* dbias, float* scratch);

/// One convolution's weights among those that are packed together.
struct packing {
  std::int64_t from = 0;  ///< in the store of variables
  std::int64_t to = 0;    ///< in the packed store; a multiple of eight
  int rows = 0;           ///< kernel_height * kernel_width * input channels
  int columns = 0;        ///< output channels
  int multiplier = 0;     ///< 0: dense; else a depthwise convolution's, spread over a dense matrix of zeros
};

/// Copies `count` weight matrices (device memory) to their packed places as T.
template <class T>
void pack_weights(cudaStream_t stream, const packing* what, int count, const float* variables, T* packed);

/// Multiprocessors of the current device.
int multiprocessors();

}  // namespace odt::cuda
