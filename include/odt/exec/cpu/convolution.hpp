// SPDX-License-Identifier: MIT
// Convolutions, forward and both backward directions, as implicit matrix products. Results are the same bits for any
// number of threads.
#pragma once

#include <odt/core/thread_pool.hpp>
#include <odt/exec/cpu/tensor.hpp>

#include <cstddef>

namespace odt::cpu {
inline namespace ODT_ISA {

/// A window that slides over an image. The output's size comes from the output tensor. Padding is zero, after the
/// input's transform; bottom and right padding follow from the sizes.
struct convolution {
  int kernel_height = 1, kernel_width = 1;
  int stride_height = 1, stride_width = 1;
  int rate = 1;  ///< dilation
  int pad_top = 0, pad_left = 0;
};

/// Bytes of scratch memory (64-byte aligned) that suffice for conv_forward, conv_backward_data and
/// conv_backward_weights with `threads` threads.
std::size_t conv_scratch(const convolution& c, const shape& in, const shape& out, int threads);

/// y = conv(transform(x), weights) + bias. Weights are HWIO; bias may be null. When statistics are asked for they
/// are those of y as written.
void conv_forward(thread_pool& pool, const convolution& c, const const_tensor& x, const float* weights,
                  const float* bias, const tensor& y, const batch_statistics* statistics, std::byte* scratch);

/// dx = (accumulate ? dx : 0) + the gradient of sum(y*dy) with respect to the transformed x.
void conv_backward_data(thread_pool& pool, const convolution& c, const const_tensor& dy, const float* weights,
                        const tensor& dx, bool accumulate, std::byte* scratch);

/// dw (HWIO) and dbias (may be null) = (accumulate ? themselves : 0) + the gradients of sum(y*dy).
void conv_backward_weights(thread_pool& pool, const convolution& c, const const_tensor& x, const const_tensor& dy,
                           float* dw, float* dbias, std::byte* scratch, bool accumulate = false);

}  // namespace ODT_ISA
}  // namespace odt::cpu

#if defined(ODT_HEADER_ONLY)
#include <odt/exec/cpu/convolution.ipp>
#endif
