// SPDX-License-Identifier: MIT
// The mean of each image's pixels, and its gradient.
#pragma once

#include <odt/core/thread_pool.hpp>
#include <odt/exec/cpu/machine/tensor.hpp>

namespace odt::cpu {
inline namespace ODT_ISA {

/// y[n, 0, 0, c] = the mean of transform(x) over the pixels of image n.
void global_pool(thread_pool& pool, const const_tensor& x, const tensor& y);

/// dx = (accumulate ? dx : 0) + dy[n, 0, 0, c] / pixels: the gradient with respect to the transformed x.
void global_pool_backward(thread_pool& pool, const const_tensor& dy, const tensor& dx, bool accumulate);

}  // namespace ODT_ISA
}  // namespace odt::cpu

#if defined(ODT_HEADER_ONLY)
#include <odt/exec/cpu/passes/global_pool.ipp>
#endif
