// SPDX-License-Identifier: MIT
// Depthwise convolutions: every input channel has kernels of its own.
#pragma once

#include <odt/exec/cpu/convolution/convolution.hpp>
#include <odt/exec/cpu/passes/gradient_sums.hpp>

namespace odt::cpu {
inline namespace ODT_ISA {

/// Bytes of scratch memory (64-byte aligned) that suffice for each of the functions below. `out.channels` is a multiple
/// of `in.channels`; the quotient is the depth multiplier.
std::size_t depthwise_scratch(const window& w, const shape& in, const shape& out, int threads);

/// y[.., i*multiplier + q] = finish(conv(transform(x)[.., i], weights[.., i, q]) + bias); weights are [height, width,
/// channels, multiplier]; bias may be null. When statistics are asked for they are those of y as written.
void depthwise_forward(thread_pool& pool, const window& w, const const_tensor& x, const float* weights,
                       const float* bias, const tensor& y, const batch_statistics* statistics, std::byte* scratch,
                       const pending& finish = {});

/// dx = (accumulate ? dx : 0) + the gradient of sum(y*dy) with respect to the transformed x.
void depthwise_backward_data(thread_pool& pool, const window& w, const const_tensor& dy, const float* weights,
                             const tensor& dx, bool accumulate, std::byte* scratch);

/// dw and dbias (may be null) = (accumulate ? themselves : 0) + the gradients of sum(y*dy).
void depthwise_backward_weights(thread_pool& pool, const window& w, const const_tensor& x, const const_tensor& dy,
                                float* dw, float* dbias, std::byte* scratch, bool accumulate = false);

/// Both gradients in one sweep: dw and dbias (may be null) = the gradients of sum(y*dy), dx = (accumulate ? dx : 0) +
/// that with respect to the transformed x, and, when `sums` is given, the sums of dx as written. A dx without data is
/// not written: an input that needs no gradient.
void depthwise_backward(thread_pool& pool, const window& w, const const_tensor& x, const const_tensor& dy,
                        const float* weights, const tensor& dx, bool accumulate, float* dw, float* dbias,
                        const gradient_sums* sums, std::byte* scratch);

}  // namespace ODT_ISA
}  // namespace odt::cpu

#if defined(ODT_HEADER_ONLY)
#include <odt/exec/cpu/depthwise/depthwise.ipp>
#endif
