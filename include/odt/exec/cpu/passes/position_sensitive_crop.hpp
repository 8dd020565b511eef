// SPDX-License-Identifier: MIT
// Crops whose bins are sampled from channels of their own: the API's position_sensitive_crop_regions, R-FCN's pooling.
// What lies outside the map is 0.
#pragma once

#include <odt/core/crop_taps.hpp>
#include <odt/core/thread_pool.hpp>
#include <odt/exec/cpu/machine/tensor.hpp>

namespace odt::cpu {
inline namespace ODT_ISA {

/// y[k] = the crop of transform(map)[k / (y.batch / map.batch)] within boxes[k], which is normalized. The map has
/// bins.count() times y's channels. y is either of the crop's size, or one pixel, the mean of all samples
/// (global_pool).
void position_sensitive_crop(thread_pool& pool, const position_sensitive_bins& bins, const const_tensor& map,
                             const boxf* boxes, const tensor& y);

/// dx = (accumulate ? dx : 0) + the gradient of sum(y*dy) with respect to the transformed map; boxes get none.
void position_sensitive_crop_backward(thread_pool& pool, const position_sensitive_bins& bins, const boxf* boxes,
                                      const const_tensor& dy, const tensor& dx, bool accumulate);

}  // namespace ODT_ISA
}  // namespace odt::cpu

#if defined(ODT_HEADER_ONLY)
#include <odt/exec/cpu/passes/position_sensitive_crop.ipp>
#endif
