// SPDX-License-Identifier: MIT
// Max and average pooling. Windows have rate 1; padding is left out of the maximum and of the average's count, as
// TensorFlow's SAME does.
#pragma once

#include <odt/exec/cpu/convolution/convolution.hpp>

namespace odt::cpu {
inline namespace ODT_ISA {

/// y = the maximum of transform(x) over each window.
void max_pool_forward(thread_pool& pool, const window& w, const const_tensor& x, const tensor& y);

/// dx = (accumulate ? dx : 0) + the gradient of sum(y*dy) with respect to the transformed x. It goes to the first of
/// equal values, which is found again from x.
void max_pool_backward(thread_pool& pool, const window& w, const const_tensor& x, const const_tensor& dy,
                       const tensor& dx, bool accumulate);

/// y = the average of transform(x) over the part of each window that lies within the image.
void avg_pool_forward(thread_pool& pool, const window& w, const const_tensor& x, const tensor& y);

/// dx = (accumulate ? dx : 0) + the gradient of sum(y*dy) with respect to the transformed x.
void avg_pool_backward(thread_pool& pool, const window& w, const const_tensor& dy, const tensor& dx, bool accumulate);

}  // namespace ODT_ISA
}  // namespace odt::cpu

#if defined(ODT_HEADER_ONLY)
#include <odt/exec/cpu/passes/pool.ipp>
#endif
