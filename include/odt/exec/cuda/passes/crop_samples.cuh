// SPDX-License-Identifier: MIT
// One sample of a crop, as a vector of channels.
#pragma once

#include <odt/core/crop_taps.hpp>
#include <odt/core/resize_taps.hpp>
#include <odt/exec/cuda/machine/pixel_grid.cuh>

namespace odt::cuda {

/// The map's transformed values of image n at a sample, Width channels from c on; 0 outside.
template <int Width, class T>
__device__ floats<Width> sample_map(const reading<T>& map, int n, const crop_tap& row, const crop_tap& column, int c) {
  floats<Width> result{};
  if (!row.inside || !column.inside) return result;
  const affine<Width> transform(map.transform, c);
  const auto pixel = [&](int y, int x) { return load<Width>(static_cast<const T*>(element(map.x, n, y, x, c))); };
  const floats<Width> top_left = pixel(row.low, column.low), top_right = pixel(row.low, column.high),
                      bottom_left = pixel(row.high, column.low), bottom_right = pixel(row.high, column.high);
#pragma unroll
  for (int i = 0; i < Width; ++i) {
    const float top = blend(transform(top_left[i], i), transform(top_right[i], i), column.share);
    const float bottom = blend(transform(bottom_left[i], i), transform(bottom_right[i], i), column.share);
    result[i] = blend(top, bottom, row.share);
  }
  return result;
}

/// sum += share*v
template <int Width>
__device__ void add_share(floats<Width>& sum, float share, const floats<Width>& v) {
#pragma unroll
  for (int i = 0; i < Width; ++i) sum[i] += share * v[i];
}

}  // namespace odt::cuda
