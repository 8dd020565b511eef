// SPDX-License-Identifier: MIT
// Crops whose bins are sampled from channels of their own, pooled: the API's position_sensitive_crop_regions with
// global_pool, R-FCN's pooling. What lies outside the map is 0. T is float or bf16.
#pragma once

#include <odt/core/crop_taps.hpp>
#include <odt/exec/cuda/machine/tensor.hpp>

namespace odt::cuda {

/// y[k, 0, 0] = the mean over all samples of the crop of transform(map)[k / (y.batch / map.batch)] within boxes[k],
/// which is normalized. The map has bins.count() times y's channels; the boxes lie in device memory.
template <class T>
void position_sensitive_crop(cudaStream_t stream, const position_sensitive_bins& bins, const reading<T>& map,
                             const boxf* boxes, const tensor<T>& y);

/// dx = (accumulate ? dx : 0) + the gradient of sum(y*dy) with respect to the transformed map, added up in the crops'
/// order; boxes get none.
template <class T>
void position_sensitive_crop_backward(cudaStream_t stream, const position_sensitive_bins& bins, const boxf* boxes,
                                      const tensor<const T>& dy, const tensor<T>& dx, bool accumulate);

}  // namespace odt::cuda
