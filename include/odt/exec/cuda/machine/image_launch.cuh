// SPDX-License-Identifier: MIT
// How kernels walk over the pixels of each image by itself: as many blocks for every image, one after the other.
#pragma once

#include <odt/exec/cuda/machine/pixel_loops.cuh>

namespace odt::cuda {

/// Threads of a block that has an image to itself.
inline constexpr int image_threads = 512;

/// A launch where no two images meet in a block.
struct image_launch {
  launch_shape shape;
  int parts;  ///< blocks of an image, for each column of channels

  /// `most` blocks in all at most, but one an image at least.
  template <class T>
  image_launch(const tensor<T>& t, int width, int most, int threads = block_threads)
      : shape(
            shape_over(t.channels, width, std::int64_t{1} * t.height * t.width, std::max(1, most / t.batch), threads)),
        parts(static_cast<int>(shape.blocks.x)) {
    shape.blocks.x = checked_count(std::int64_t{1} * t.batch * parts);
  }
};

/// What of such a launch is this thread's.
struct image_share {
  int image;
  pixel_share pixels;  ///< of it

  template <class T>
  __device__ image_share(const tensor<T>& t, int parts) {
    const unsigned count = static_cast<unsigned>(parts), part = blockIdx.x % count;
    image = static_cast<int>(blockIdx.x / count);
    pixels = {part * blockDim.y + threadIdx.y, count * blockDim.y, static_cast<unsigned>(t.height * t.width)};
  }
};

/// Pixels of one image.
template <class T>
struct image_pixels {
  T* data;
  std::int64_t stride;

  __device__ image_pixels(const tensor<T>& t, int image)
      : data(t.data + image * t.image_stride), stride(t.pixel_stride) {}
  __device__ T* at(unsigned pixel) const { return data + pixel * stride; }
};

/// Images of one pixel each, as if each were of `pixels` equal ones.
template <class T>
pixel_array<T> repeated(const tensor<T>& t, int pixels) {
  pixel_array<T> all(t);
  all.pixel_stride = 0;
  all.image_pixels = fast_division(std::max(1, pixels));
  return all;
}

}  // namespace odt::cuda
