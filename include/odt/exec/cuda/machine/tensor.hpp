// SPDX-License-Identifier: MIT
// What the CUDA kernels read and write: NHWC activations in device memory that somebody else owns, as float or bf16.
// Host code may include this too, where CUDA's headers are.
#pragma once

#include <odt/core/target.hpp>
#include <odt/exec/cuda/machine/shapes.hpp>

#include <cuda_bf16.h>
#include <cuda_runtime.h>

#include <cstddef>
#include <cstdint>
#include <limits>
#include <type_traits>

namespace odt::cuda {

using bf16 = __nv_bfloat16;

/// What the reader of a raw tensor applies to it: y = min(max(x*scale[c] + shift[c], low), high). Device pointers; null
/// scale: no affine part.
struct pending {
  const float* scale = nullptr;
  const float* shift = nullptr;
  float low = -std::numeric_limits<float>::infinity();
  float high = std::numeric_limits<float>::infinity();

  bool none() const {
    return !scale && low == -std::numeric_limits<float>::infinity() && high == std::numeric_limits<float>::infinity();
  }
};

/// Element (n, y, x, c) lies at data[n*image_stride + (y*width + x)*pixel_stride + c]. A pixel stride above `channels`
/// makes it a part of a wider tensor, so that a concatenation is written in place.
template <class T>
struct tensor {
  T* data = nullptr;
  int batch = 0, height = 0, width = 0, channels = 0;
  std::int64_t pixel_stride = 0, image_stride = 0;

  ODT_HD std::int64_t pixels() const { return std::int64_t{1} * batch * height * width; }
  /// The tensor for readers.
  template <class U>
    requires(std::is_same_v<U, const T> && !std::is_const_v<T>)
  ODT_HD operator tensor<U>() const {
    return {data, batch, height, width, channels, pixel_stride, image_stride};
  }
};

/// A tensor with what its reader applies.
template <class T>
struct reading {
  tensor<const T> x;
  pending transform{};
};

/// Partial sums per channel, one table for all layers: row r of a layer's columns begins at at + r*stride. Device
/// memory.
struct partial_sums {
  float* at = nullptr;  ///< null: not wanted
  std::int64_t stride = 0;
};

/// Moments of `parts` groups of pixels per channel: part p has its count, mean and sum of squared distances from that
/// mean in the rows 3p, 3p + 1, 3p + 2.
struct moments {
  partial_sums rows{};
  int parts = 0;
};

/// What batch norm's backward needs summed over a gradient while it is written: with g = dy where z's clamp is open,
/// per channel sum(g) and sum(g*(z - mean)). Part p writes its sums into the rows 2p and 2p + 1.
template <class T>
struct gradient_sums {
  reading<T> z{};
  const float* mean = nullptr;
  partial_sums rows{};
};

}  // namespace odt::cuda
