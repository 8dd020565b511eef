// SPDX-License-Identifier: MIT
// Crops of a map, resized to one size bilinearly: TensorFlow's crop_and_resize. What lies outside the map is 0. T is
// float or bf16.
#pragma once

#include <odt/core/box.hpp>
#include <odt/exec/cuda/machine/tensor.hpp>

namespace odt::cuda {

/// y[k] = the part of transform(map)[k / (y.batch / map.batch)] within boxes[k], which is normalized; y's batch is a
/// multiple of the map's. Without boxes (null) the whole map, resized corner on corner: TensorFlow's resize_bilinear
/// with align_corners. Boxes lie in device memory.
template <class T>
void crop_and_resize(cudaStream_t stream, const reading<T>& map, const boxf* boxes, const tensor<T>& y);

/// dx = (accumulate ? dx : 0) + the gradient of sum(y*dy) with respect to the transformed map, added up in the crops'
/// order; boxes get none.
template <class T>
void crop_and_resize_backward(cudaStream_t stream, const boxf* boxes, const tensor<const T>& dy, const tensor<T>& dx,
                              bool accumulate);

}  // namespace odt::cuda
