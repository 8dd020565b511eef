// SPDX-License-Identifier: MIT
// A depthwise convolution and the pointwise one that alone reads it, as one: the packed rows of the product are what
// the depthwise convolution makes, which never lies in memory. For evaluation, where nobody wants its moments first.
#pragma once

#include <odt/exec/cpu/convolution/convolution.hpp>

namespace odt::cpu {
inline namespace ODT_ISA {

/// One of the two: finish(conv(.) + bias).
struct separable_stage {
  cpu::window window;
  const float* weights = nullptr;  ///< of the pointwise stage: packed (conv_pack)
  const float* bias = nullptr;     ///< or null
  pending finish;
};

/// Whether separable_forward can do a depthwise convolution of one output a channel, and gains by it: 3x3 windows, and
/// so many pixels between the two that the pointwise weights, which are read once a chunk of them, are few beside them.
bool suits_separable(const window& depthwise, std::ptrdiff_t pixels);

/// Bytes of scratch memory (64-byte aligned) of separable_forward.
std::size_t separable_scratch(int threads);

/// y = pointwise(depthwise(x)), the same values as from depthwise_forward and conv_forward. `between` are the extents
/// of the depthwise stage's output.
void separable_forward(thread_pool& pool, const separable_stage& depthwise, const separable_stage& pointwise,
                       const const_tensor& x, const shape& between, const tensor& y, std::byte* scratch);

}  // namespace ODT_ISA
}  // namespace odt::cpu

#if defined(ODT_HEADER_ONLY)
#include <odt/exec/cpu/depthwise/separable.ipp>
#endif
