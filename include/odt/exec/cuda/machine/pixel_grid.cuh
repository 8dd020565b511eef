// SPDX-License-Identifier: MIT
// Pixels by their number and by their place.
#pragma once

#include <odt/exec/cuda/machine/pixels.cuh>

namespace odt::cuda {

/// The pixels of a tensor by their number.
struct pixel_grid {
  fast_division image, row;
  unsigned pixels;

  struct place {
    int n, y, x;
  };

  template <class T>
  explicit pixel_grid(const tensor<T>& t)
      : image(t.height * t.width), row(t.width), pixels(checked_count(t.pixels())) {}

  ODT_HD place at(unsigned pixel) const {
    const int n = image.quotient(static_cast<int>(pixel)), rest = image.remainder(static_cast<int>(pixel), n);
    const int y = row.quotient(rest);
    return {n, y, row.remainder(rest, y)};
  }
};

/// Channel c of pixel (y, x) of image n.
template <class T>
__device__ T* element(const tensor<T>& t, int n, int y, int x, int c) {
  return t.data + n * t.image_stride + (std::int64_t{1} * y * t.width + x) * t.pixel_stride + c;
}

}  // namespace odt::cuda
