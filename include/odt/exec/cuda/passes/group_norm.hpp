// SPDX-License-Identifier: MIT
// Group normalization (Wu and He, 2018): every image's channels in groups of neighbours, each with its own mean and
// biased variance over the group's channels and all pixels. T is float or bf16.
#pragma once

#include <odt/exec/cuda/machine/tensor.hpp>

namespace odt::cuda {

/// `groups` divides the channels.
struct group_norm_shape {
  int groups = 32;
  float epsilon = 1e-6f;
};

/// y = (transform(x) - mean)*inv_std*gamma + beta, with inv_std = 1 / sqrt(variance + epsilon); gamma and beta, one
/// float a channel, may be null: 1 and 0. Fills mean and inv_std: batch*groups floats, image after image. All is device
/// memory, scratch that of group_norm_scratch().
template <class T>
void group_norm(cudaStream_t stream, const group_norm_shape& g, const reading<T>& x, const float* gamma,
                const float* beta, const tensor<T>& y, float* mean, float* inv_std, float* scratch);

/// The gradient of sum(y*dy). With t = transform(x), xhat = (t - mean)*inv_std and E the mean over a group's N values:
/// dx = (accumulate ? dx : 0) + inv_std*(gamma*dy - E(gamma*dy) - xhat*E(gamma*dy*xhat)), with respect to t;
/// dgamma = sum(dy*xhat), dbeta = sum(dy). dx may have no data, dgamma and dbeta may be null: they are not wanted. dx
/// may be dy's memory.
template <class T>
void group_norm_backward(cudaStream_t stream, const group_norm_shape& g, const reading<T>& x, const float* mean,
                         const float* inv_std, const float* gamma, const tensor<const T>& dy, const tensor<T>& dx,
                         bool accumulate, float* dgamma, float* dbeta, float* scratch);

}  // namespace odt::cuda
