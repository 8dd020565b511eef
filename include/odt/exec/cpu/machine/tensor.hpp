// SPDX-License-Identifier: MIT
// What the CPU kernels read and write: NHWC activations in memory that somebody else owns.
#pragma once

#include <odt/exec/cpu/machine/isa.hpp>

#include <cstddef>
#include <limits>

namespace odt::cpu {
inline namespace ODT_ISA {

/// What the reader of a raw tensor applies to it: y = min(max(x*scale[c] + shift[c], low), high). NONE, RELU and RELU_6
/// after a batch norm or a bias are all of this form. Null scale: no affine part.
struct pending {
  const float* scale = nullptr;  ///< one a channel
  const float* shift = nullptr;  ///< one a channel
  float low = -std::numeric_limits<float>::infinity();
  float high = std::numeric_limits<float>::infinity();

  bool clamps() const {
    return low > -std::numeric_limits<float>::infinity() || high < std::numeric_limits<float>::infinity();
  }
  /// Whether the reader sees the raw values.
  bool none() const { return !scale && !clamps(); }
};

/// The extents of an activation.
struct shape {
  int batch = 0, height = 0, width = 0, channels = 0;

  std::ptrdiff_t pixels() const { return std::ptrdiff_t{1} * batch * height * width; }
  std::ptrdiff_t elements() const { return pixels() * channels; }
};

/// Element (n, y, x, c) lies at data[n*image_stride + (y*width + x)*pixel_stride + c]. A pixel stride above `channels`
/// makes it a part of a wider tensor, so that a concatenation is written in place.
template <class T>
struct basic_tensor {
  T* data = nullptr;
  int batch = 0, height = 0, width = 0, channels = 0;
  std::ptrdiff_t pixel_stride = 0, image_stride = 0;

  shape extents() const { return {batch, height, width, channels}; }
  T* pixel(int n, int y, int x) const {
    return data + n * image_stride + (std::ptrdiff_t{1} * y * width + x) * pixel_stride;
  }
};

/// An activation that a kernel writes.
using tensor = basic_tensor<float>;

/// An activation that a kernel reads, with what it has to apply while it reads.
struct const_tensor : basic_tensor<const float> {
  pending transform;
};

/// A dense tensor of the shape.
inline tensor dense(float* data, const shape& s) {
  const std::ptrdiff_t pixel = s.channels;
  return {data, s.batch, s.height, s.width, s.channels, pixel, pixel * s.height * s.width};
}

/// A dense tensor of the shape to be read with a transform.
inline const_tensor dense(const float* data, const shape& s, const pending& transform = {}) {
  const std::ptrdiff_t pixel = s.channels;
  return {{data, s.batch, s.height, s.width, s.channels, pixel, pixel * s.height * s.width}, transform};
}

/// The same memory, to be read.
inline const_tensor reading(const tensor& t, const pending& transform = {}) {
  return {{t.data, t.batch, t.height, t.width, t.channels, t.pixel_stride, t.image_stride}, transform};
}

/// Per channel: the mean and the biased variance of a tensor over batch, height and width.
struct batch_statistics {
  float* mean = nullptr;
  float* variance = nullptr;
};

}  // namespace ODT_ISA
}  // namespace odt::cpu
