// SPDX-License-Identifier: MIT
// Crops of a map, resized to one size bilinearly: TensorFlow's crop_and_resize. What lies outside the map is 0.
#pragma once

#include <odt/core/box.hpp>
#include <odt/core/thread_pool.hpp>
#include <odt/exec/cpu/machine/tensor.hpp>

namespace odt::cpu {
inline namespace ODT_ISA {

/// y[k] = the part of transform(map)[k / (y.batch / map.batch)] within boxes[k], which is normalized; y's batch is a
/// multiple of the map's. Without boxes (null) the whole map, resized corner on corner: TensorFlow's resize_bilinear
/// with align_corners.
void crop_and_resize(thread_pool& pool, const const_tensor& map, const boxf* boxes, const tensor& y);

/// dx = (accumulate ? dx : 0) + the gradient of sum(y*dy) with respect to the transformed map; boxes get none.
void crop_and_resize_backward(thread_pool& pool, const boxf* boxes, const const_tensor& dy, const tensor& dx,
                              bool accumulate);

}  // namespace ODT_ISA
}  // namespace odt::cpu

#if defined(ODT_HEADER_ONLY)
#include <odt/exec/cpu/passes/crop_and_resize.ipp>
#endif
