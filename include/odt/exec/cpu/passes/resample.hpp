// SPDX-License-Identifier: MIT
// Nearest neighbour upsampling by a whole factor: every pixel becomes a block of factor x factor pixels, of which those
// beyond the larger tensor's height and width are cut off.
#pragma once

#include <odt/core/thread_pool.hpp>
#include <odt/exec/cpu/machine/tensor.hpp>

namespace odt::cpu {
inline namespace ODT_ISA {

/// y[r, c] = transform(x)[r / factor, c / factor]; y is at most factor times as high and wide as x.
void upsample(thread_pool& pool, int factor, const const_tensor& x, const tensor& y);

/// dx = (accumulate ? dx : 0) + the sum of dy over each pixel's block: the gradient with respect to the transformed x.
void upsample_backward(thread_pool& pool, int factor, const const_tensor& dy, const tensor& dx, bool accumulate);

}  // namespace ODT_ISA
}  // namespace odt::cpu

#if defined(ODT_HEADER_ONLY)
#include <odt/exec/cpu/passes/resample.ipp>
#endif
