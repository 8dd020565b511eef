// SPDX-License-Identifier: MIT
// Batch norm's statistics and gradient, and the gradient of activations. The forward normalization itself is a
// `pending` that the next reader applies. T is float or bf16.
#pragma once

#include <odt/exec/cuda/machine/tensor.hpp>
#include <odt/nn/hyperparams.hpp>

namespace odt::cuda {

/// What readers and the backward need of a batch norm; device memory, one float a channel.
struct norm_tables {
  float* mean = nullptr;
  float* inv_std = nullptr;
  float* scale = nullptr;
  float* shift = nullptr;
};

/// A batch norm's variables; device memory, one float a channel. gamma and beta may be null: 1 and 0.
struct norm_variables {
  const float* gamma = nullptr;
  const float* beta = nullptr;
  float* moving_mean = nullptr;
  float* moving_variance = nullptr;
};

/// Writes the moments of transform(x) into `rows`, most_parts parts at most, and returns their number: for tensors that
/// no convolution wrote.
template <class T>
int compute_moments(cudaStream_t stream, const reading<T>& x, const partial_sums& rows);

/// Fills `tables`: with batch statistics from the moments, which also move the moving averages; else from these.
void normalize(cudaStream_t stream, const moments& of, int channels, const batch_norm_options& options,
               bool batch_statistics, const norm_variables& variables, const norm_tables& tables);

/// The gradient through y = clamp(z*scale + shift), where scale = gamma*inv_std and shift = beta - mean*scale are z's
/// transform. In: dy is the gradient with respect to y. Out: dy is that with respect to z.
/// With g = dy where low < z*scale + shift < high, else 0, and xhat = (z - mean)*inv_std over N pixels:
/// dbeta = sum(g), dgamma = sum(g*xhat), dz = scale*(g - dbeta/N - xhat*dgamma/N).
/// With frozen statistics (mean and variance are constants) dz = scale*g. dgamma and dbeta may be null.
/// `partial` holds the sums of ready_parts parts as gradient_sums leave them; with 0 ready parts they are written here,
/// most_parts parts at most (2*most_parts rows). offset_slope is scratch memory of 2*channels floats.
template <class T>
void batch_norm_backward(cudaStream_t stream, const reading<T>& z, const float* mean, const float* inv_std,
                         const tensor<T>& dy, float* dgamma, float* dbeta, bool frozen, const partial_sums& partial,
                         int ready_parts, float* offset_slope);

/// The gradient through y = clamp(z*scale + shift) with constant scale and shift (or none), in place: dz = scale*dy
/// where low < y < high, else 0.
template <class T>
void activation_backward(cudaStream_t stream, const reading<T>& z, const tensor<T>& dy);

}  // namespace odt::cuda
