// SPDX-License-Identifier: MIT
// Convolutions, forward and both backward directions, as implicit matrix products. Results are the same bits for any
// number of threads.
#pragma once

#include <odt/core/precision.hpp>
#include <odt/core/thread_pool.hpp>
#include <odt/exec/cpu/machine/tensor.hpp>
#include <odt/exec/cpu/passes/gradient_sums.hpp>

#include <cstddef>

namespace odt::cpu {
inline namespace ODT_ISA {

/// A window that slides over an image. The output's size comes from the output tensor. Padding is zero, after the
/// input's transform; bottom and right padding follow from the sizes.
struct window {
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
std::size_t conv_scratch(const window& w, const shape& in, const shape& out, int threads);

/// What conv_forward multiplies with: panels of the weights, or of their points (winograd.hpp).
enum class packed_form : std::uint8_t { panels, points };
inline constexpr std::size_t packed_forms = 2;
packed_form packed_form_of(const window& w, const shape& in, const shape& out);

/// Bytes of packed weights, and what they are made of weights (HWIO) by. They depend on the form, the precision and the
/// channels alone.
std::size_t conv_packed_bytes(const window& w, const shape& in, const shape& out);
void conv_pack(thread_pool& pool, const window& w, const shape& in, const shape& out, const float* weights,
               float* packed);

/// y = finish(conv(transform(x), weights) + bias). Weights are HWIO; bias may be null. When statistics are asked for
/// they are those of y as written. `packed` is what conv_pack has made of the weights, or null: then it is done here.
void conv_forward(thread_pool& pool, const window& w, const const_tensor& x, const float* weights, const float* bias,
                  const tensor& y, const batch_statistics* statistics, std::byte* scratch, const pending& finish = {},
                  const float* packed = nullptr);

/// dx = (accumulate ? dx : 0) + the gradient of sum(y*dy) with respect to the transformed x. When `sums` is given it
/// holds those over dx as written.
void conv_backward_data(thread_pool& pool, const window& w, const const_tensor& dy, const float* weights,
                        const tensor& dx, bool accumulate, std::byte* scratch, const gradient_sums* sums = nullptr,
                        gradient_kind kind = gradient_kind::dense);

/// dw (HWIO) and dbias (may be null) = (accumulate ? themselves : 0) + the gradients of sum(y*dy).
void conv_backward_weights(thread_pool& pool, const window& w, const const_tensor& x, const const_tensor& dy, float* dw,
                           float* dbias, std::byte* scratch, bool accumulate = false,
                           gradient_kind kind = gradient_kind::dense);

}  // namespace ODT_ISA
}  // namespace odt::cpu

#if defined(ODT_HEADER_ONLY)
#include <odt/exec/cpu/convolution/convolution.ipp>
#include <odt/exec/cpu/convolution/convolution_weights.ipp>
#endif
