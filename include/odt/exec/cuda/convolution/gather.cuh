// SPDX-License-Identifier: MIT
// A convolution's left factor, gathered while it is loaded: row m is an output pixel, column k an input channel of one
// of the window's taps.
#pragma once

#include <odt/exec/cuda/convolution/mma.cuh>
#include <odt/exec/cuda/convolution/phases.hpp>
#include <odt/exec/cuda/machine/fast_division.hpp>
#include <odt/exec/cuda/machine/pipeline.cuh>

namespace odt::cuda {

/// Where the elements of the left factor come from.
template <class T>
struct gather {
  tensor<const T> source{};
  pending transform{};
  window w{};
  fast_division out_pixels{}, out_width{}, channels{}, kernel_width{}, stride{};
  int taps = 1;
  bool transposed = false;  ///< for the data gradient: an output pixel is read where the window would have put it
  bool transforms = false;
  bool dense = false;  ///< image after image without gaps

  /// Columns of the factor; `padded` channels a tap.
  gather(const tensor<const T>& x, const pending& p, const window& win, int out_height, int out_w, int padded,
         bool transpose)
      : source(x),
        transform(p),
        w(win),
        out_pixels(out_height * out_w),
        out_width(out_w),
        channels(padded),
        kernel_width(win.kernel_width),
        stride(win.stride),
        taps(win.kernel_height * win.kernel_width),
        transposed(transpose),
        transforms(!p.none()),
        dense(x.image_stride == std::int64_t{1} * x.height * x.width * x.pixel_stride) {}

  ODT_HD int columns() const { return taps * channels.divisor(); }
  bool pointwise() const { return taps == 1 && w.stride == 1 && w.pad_top == 0 && w.pad_left == 0; }
  static bool aligned(const void* at) { return reinterpret_cast<std::uintptr_t>(at) % 16 == 0; }
  /// Whether eight channels can be loaded at once.
  bool vectors() const {
    return source.channels % 8 == 0 && channels.divisor() == source.channels && source.pixel_stride % 8 == 0 &&
           source.image_stride % 8 == 0 && aligned(source.data) && aligned(transform.scale) && aligned(transform.shift);
  }
};

/// How its elements are loaded. Transposed, vectors are for stride 1, and phased is the same for the phases of larger
/// ones.
enum class gathering { pointwise, vectors, elements, phased };

/// One row of the factor: an image, and where its window begins.
struct gathered_row {
  std::int64_t base = 0;
  int y = -(1 << 30), x = 0;  ///< of a row that is not there: outside every image
  bool inside = false;

  template <gathering How, class T>
  __device__ static gathered_row of(const gather<T>& g, int m, int rows) {
    gathered_row r;
    r.inside = m < rows;
    if (!r.inside) return r;
    if constexpr (How == gathering::pointwise)
      if (g.dense) {
        r.base = m * g.source.pixel_stride;
        return r;
      }
    const int image = g.out_pixels.quotient(m), pixel = g.out_pixels.remainder(m, image);
    r.base = image * g.source.image_stride;
    if constexpr (How == gathering::pointwise) {
      r.base += pixel * g.source.pixel_stride;
    } else {
      const int oy = g.out_width.quotient(pixel), ox = g.out_width.remainder(pixel, oy);
      r.y = g.transposed ? oy + g.w.pad_top : oy * g.w.stride - g.w.pad_top;
      r.x = g.transposed ? ox + g.w.pad_left : ox * g.w.stride - g.w.pad_left;
    }
    return r;
  }

  /// The same for pixel m of a phase.
  template <class T>
  __device__ static gathered_row of(const gather<T>& g, const phase& p, int m) {
    gathered_row r;
    r.inside = m < p.rows;
    if (!r.inside) return r;
    const int image = p.pixels.quotient(m), pixel = p.pixels.remainder(m, image), y = p.width.quotient(pixel);
    r.base = image * g.source.image_stride;
    r.y = p.from_y + y, r.x = p.from_x + p.width.remainder(pixel, y);
    return r;
  }

  /// The source pixel's offset under a tap, or -1 outside the image.
  template <gathering How, class T>
  __device__ std::int64_t at(const gather<T>& g, int tap_y, int tap_x) const {
    int sy = y + tap_y, sx = x + tap_x;
    if (g.transposed) {
      sy = y - tap_y, sx = x - tap_x;
      if (How == gathering::elements && g.w.stride > 1) {
        if (sy < 0 || sx < 0) return -1;
        const int qy = g.stride.quotient(sy), qx = g.stride.quotient(sx);
        if (g.stride.remainder(sy, qy) != 0 || g.stride.remainder(sx, qx) != 0) return -1;
        sy = qy, sx = qx;
      }
    }
    const bool there = static_cast<unsigned>(sy) < static_cast<unsigned>(g.source.height) &&
                       static_cast<unsigned>(sx) < static_cast<unsigned>(g.source.width);
    return there ? base + (std::int64_t{1} * sy * g.source.width + sx) * g.source.pixel_stride : -1;
  }
};

/// A column of the factor: a tap and a channel.
struct gathered_column {
  int tap_y = 0, tap_x = 0, channel = 0;
  bool inside = false;

  template <gathering How, class T>
  __device__ static gathered_column of(const gather<T>& g, int k) {
    gathered_column c;
    if constexpr (How == gathering::pointwise) {
      c.channel = k;
      c.inside = k < g.source.channels;
    } else {
      const int tap = g.channels.quotient(k), row = g.kernel_width.quotient(tap);
      c.channel = g.channels.remainder(k, tap);
      c.tap_y = row * g.w.rate, c.tap_x = g.kernel_width.remainder(tap, row) * g.w.rate;
      c.inside = tap < g.taps && c.channel < g.source.channels;
    }
    return c;
  }

  /// The same for the taps of a phase.
  template <class T>
  __device__ static gathered_column of(const gather<T>& g, const phases& all, const phase& p, int k) {
    const int tap = g.channels.quotient(k), row = p.taps_across.quotient(tap);
    gathered_column c;
    c.channel = g.channels.remainder(k, tap);
    c.tap_y = row * all.read_step, c.tap_x = p.taps_across.remainder(tap, row) * all.read_step;
    c.inside = tap < p.taps && c.channel < g.source.channels;
    return c;
  }
};

/// Eight neighbours of a row of a factor, as they lie in shared memory.
template <class T>
struct alignas(16) eight {
  T at[8];

  __device__ void to(T* memory) const {
#pragma unroll
    for (int i = 0; i < static_cast<int>(sizeof(eight) / 16); ++i)
      reinterpret_cast<uint4*>(memory)[i] = reinterpret_cast<const uint4*>(at)[i];
  }
};

/// Eight neighbouring columns from k on of a row, one by one.
template <class T, gathering How>
__device__ eight<T> gather_elements(const gather<T>& g, const gathered_row& row, int k) {
  eight<T> e;
#pragma unroll
  for (int i = 0; i < 8; ++i) {
    const gathered_column column = gathered_column::of<How>(g, k + i);
    const std::int64_t at = column.inside ? row.at<How>(g, column.tap_y, column.tap_x) : -1;
    float value = 0;
    if (at >= 0) {
      value = to_float(g.source.data[at + column.channel]);
      if (g.transforms) value = affine<1>(g.transform, column.channel)(value, 0);
    }
    e.at[i] = from_float<T>(value);
  }
  return e;
}

}  // namespace odt::cuda
