// SPDX-License-Identifier: MIT
// Group norm (Wu and He, 2018): each image's channels are normalized in groups of neighbours, over all pixels.
#pragma once

#include <odt/core/thread_pool.hpp>
#include <odt/exec/cpu/machine/tensor.hpp>

#include <cstddef>

namespace odt::cpu {
inline namespace ODT_ISA {

struct group_norm_shape {
  int groups = 32;        ///< the channels are a multiple
  float epsilon = 1e-6f;  ///< added to the variance
};

/// y = (transform(x) - mean)*inv_std*gamma + beta, with the mean and the biased variance of each image's group of
/// channels. `mean` and `inv_std` = 1/sqrt(variance + epsilon) are [batch, groups]. Null gamma: 1, null beta: 0. y may
/// be x's memory. Throws odt::error where the groups do not divide the channels.
void group_norm(thread_pool& pool, const group_norm_shape& g, const const_tensor& x, const float* gamma,
                const float* beta, const tensor& y, float* mean, float* inv_std);

/// Bytes of scratch memory (64-byte aligned) for group_norm_backward.
std::size_t group_norm_scratch(const shape& s);

/// The gradients of group_norm. With xhat = (transform(x) - mean)*inv_std, g = dy*gamma, and means over a group of an
/// image: dx = (accumulate ? dx : 0) + inv_std*(g - mean(g) - xhat*mean(g*xhat)), which is with respect to the
/// transformed x; dgamma = sum(dy*xhat), dbeta = sum(dy). dx without data, dgamma or dbeta that are null are not
/// wanted. dx may be dy's memory.
void group_norm_backward(thread_pool& pool, const group_norm_shape& g, const const_tensor& x, const float* mean,
                         const float* inv_std, const float* gamma, const const_tensor& dy, const tensor& dx,
                         bool accumulate, float* dgamma, float* dbeta, std::byte* scratch);

}  // namespace ODT_ISA
}  // namespace odt::cpu

#if defined(ODT_HEADER_ONLY)
#include <odt/exec/cpu/passes/group_norm.ipp>
#endif
