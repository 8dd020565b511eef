// SPDX-License-Identifier: MIT
// Batch norm's statistics and gradient, and the gradient of activations. The forward normalization itself is a
// `pending` that the next reader applies.
#pragma once

#include <odt/core/thread_pool.hpp>
#include <odt/exec/cpu/machine/tensor.hpp>
#include <odt/exec/cpu/passes/gradient_sums.hpp>

#include <cstddef>
#include <functional>
#include <span>

namespace odt::cpu {
inline namespace ODT_ISA {

/// Replaces numbers by their sums over all ranks, whose batch norms then share their statistics.
using rank_sums = std::function<void(std::span<double>)>;

/// Bytes of scratch memory (64-byte aligned) for compute_statistics and batch_norm_backward.
std::size_t batch_norm_scratch(const shape& s, int threads);

/// Mean and biased variance of transform(x) per channel. Convolutions give them without another pass.
void compute_statistics(thread_pool& pool, const const_tensor& x, const batch_statistics& statistics,
                        std::byte* scratch);

/// Turns the mean and variance of `pixels` pixels here into those of the pixels of all ranks, and gives their number.
double share_statistics(const rank_sums& shared, int channels, double pixels, const batch_statistics& statistics);

/// The gradient through y = clamp(z*scale + shift), where scale = gamma*inv_std and shift = beta - mean*scale are z's
/// transform. In: dy is the gradient with respect to y. Out: dy is that with respect to z.
/// With g = dy where low < z*scale + shift < high, else 0, and xhat = (z - mean)*inv_std over N pixels:
/// dbeta = sum(g), dgamma = sum(g*xhat), dz = scale*(g - dbeta/N - xhat*dgamma/N).
/// With frozen statistics (mean and variance are constants) dz = scale*g. dgamma and dbeta may be null. `ready` holds
/// the sums over g where whoever wrote dy has added them up. With `shared` the statistics are those of all ranks: dz
/// takes the sums over all of their pixels, dgamma and dbeta remain those of the pixels here.
void batch_norm_backward(thread_pool& pool, const const_tensor& z, const float* mean, const float* inv_std,
                         const tensor& dy, float* dgamma, float* dbeta, bool frozen, std::byte* scratch,
                         const gradient_sums* ready = nullptr, const rank_sums& shared = {});

/// The gradient through y = clamp(z*scale + shift) with constant scale and shift (or none), in place: dz = scale*dy
/// where low < y < high, else 0.
void activation_backward(thread_pool& pool, const const_tensor& z, const tensor& dy);

}  // namespace ODT_ISA
}  // namespace odt::cpu

#if defined(ODT_HEADER_ONLY)
#include <odt/exec/cpu/passes/batch_norm.ipp>
#endif
