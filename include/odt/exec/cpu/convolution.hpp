// SPDX-License-Identifier: MIT
// Convolutions, forward and both backward directions, as implicit matrix products. Results are the same bits for any
// number of threads.
#pragma once

#include <odt/core/precision.hpp>
#include <odt/core/thread_pool.hpp>
#include <odt/exec/cpu/gradient_sums.hpp>
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
  precision compute = precision::fp32;  ///< of dense convolutions
};

/// Which pixels of an output's gradient have to be looked at: all, or only those that are not zero in all channels,
/// which are found first and leave the others out of the products.
enum class gradient_kind : std::uint8_t { dense, sparse };

/// Bytes of scratch memory (64-byte aligned) that suffice for conv_forward, conv_backward_data and
/// conv_backward_weights with `threads` threads.
std::size_t conv_scratch(const convolution& c, const shape& in, const shape& out, int threads);

/// y = finish(conv(transform(x), weights) + bias). Weights are HWIO; bias may be null. When statistics are asked for
/// they are those of y as written.
void conv_forward(thread_pool& pool, const convolution& c, const const_tensor& x, const float* weights,
                  const float* bias, const tensor& y, const batch_statistics* statistics, std::byte* scratch,
                  const pending& finish = {});

/// dx = (accumulate ? dx : 0) + the gradient of sum(y*dy) with respect to the transformed x. When `sums` is given it
/// holds those over dx as written.
void conv_backward_data(thread_pool& pool, const convolution& c, const const_tensor& dy, const float* weights,
                        const tensor& dx, bool accumulate, std::byte* scratch, const gradient_sums* sums = nullptr,
                        gradient_kind kind = gradient_kind::dense);

/// dw (HWIO) and dbias (may be null) = (accumulate ? themselves : 0) + the gradients of sum(y*dy).
void conv_backward_weights(thread_pool& pool, const convolution& c, const const_tensor& x, const const_tensor& dy,
                           float* dw, float* dbias, std::byte* scratch, bool accumulate = false,
                           gradient_kind kind = gradient_kind::dense);

}  // namespace ODT_ISA
}  // namespace odt::cpu

#if defined(ODT_HEADER_ONLY)
#include <odt/exec/cpu/convolution.ipp>
#include <odt/exec/cpu/convolution_weights.ipp>
#endif
