// SPDX-License-Identifier: MIT
// The data gradient of a convolution with a stride, cut into phases: the pixels at one place modulo the stride meet the
// same of the window's taps, so that a product over those alone multiplies no zeros.
#pragma once

#include <odt/exec/cuda/fast_division.hpp>
#include <odt/exec/cuda/shapes.hpp>

#include <algorithm>
#include <numeric>

namespace odt::cuda {

/// Pixel (y, x) of a phase is pixel (top + stride * y, left + stride * x) of dx. Under its tap (i, j), which is the
/// window's (tap_y + i * tap_step, tap_x + j * tap_step), it reads row from_y + y - i * read_step of dy, and the column
/// likewise.
struct phase {
  int top = 0, left = 0;
  int from_y = 0, from_x = 0;
  int tap_y = 0, tap_x = 0;
  int taps = 0;                 ///< none: nothing reads these pixels
  fast_division taps_across{};  ///< of its taps, those in a row
  fast_division width{}, pixels{};
  int rows = 0;        ///< pixels of all images
  int first_tile = 0;  ///< of the product's
};

/// Phases of a stride, those with most taps first.
struct phases {
  static constexpr int largest_stride = 2;
  int count = 0;
  int stride = 1, tap_step = 1, read_step = 1;
  int tiles = 0;
  phase at[largest_stride * largest_stride];

  phases() = default;

  /// Of the gradient [batch, height, width, ...] for a window of a stride up to the largest, in tiles of so many rows.
  phases(const window& w, int batch, int height, int width, int tile_rows) : stride(w.stride) {
    const int common = std::gcd(w.rate, stride);
    tap_step = stride / common, read_step = w.rate / common;
    for (int top = 0; top < std::min(stride, height); ++top)
      for (int left = 0; left < std::min(stride, width); ++left)
        at[count++] = phase_at(w, top, left, batch, height, width);
    std::stable_sort(at, at + count, [](const phase& a, const phase& b) { return a.taps > b.taps; });
    for (int i = 0; i < count; ++i) {
      at[i].first_tile = tiles;
      tiles += (at[i].rows + tile_rows - 1) / tile_rows;
    }
  }

  /// The phase of a tile.
  ODT_HD int of_tile(int tile) const {
    int i = 0;
    while (i + 1 < count && tile >= at[i + 1].first_tile) ++i;
    return i;
  }

  /// The window's tap, row after row, that is tap `t` of phase i.
  ODT_HD int tap(int i, int t, int kernel_width) const {
    const phase& p = at[i];
    const int y = p.taps_across.quotient(t), x = p.taps_across.remainder(t, y);
    return (p.tap_y + y * tap_step) * kernel_width + p.tap_x + x * tap_step;
  }

  /// The pixel of row m of phase i in a gradient of that width.
  ODT_HD pixel_place place(int i, int m, int dx_width) const {
    const phase& p = at[i];
    const int image = p.pixels.quotient(m), pixel = p.pixels.remainder(m, image), y = p.width.quotient(pixel);
    const int x = p.width.remainder(pixel, y);
    return {image, (p.top + stride * y) * dx_width + p.left + stride * x};
  }

 private:
  /// Along one axis: the first tap that a pixel meets, and how many it meets.
  struct met {
    int first = 0, count = 0;
    met(const window& w, int kernel, int pixel_and_pad, int tap_step) {
      while (first < kernel && (pixel_and_pad - first * w.rate) % w.stride != 0) ++first;
      count = (kernel - first + tap_step - 1) / tap_step;
    }
  };

  phase phase_at(const window& w, int top, int left, int batch, int height, int width) const {
    const met y(w, w.kernel_height, top + w.pad_top, tap_step), x(w, w.kernel_width, left + w.pad_left, tap_step);
    const int across = (width - left + stride - 1) / stride, down = (height - top + stride - 1) / stride;
    phase p;
    p.top = top, p.left = left;
    p.width = fast_division(across), p.pixels = fast_division(across * down), p.rows = batch * across * down;
    p.taps = y.count * x.count;
    if (p.taps == 0) return p;
    p.tap_y = y.first, p.tap_x = x.first;
    p.from_y = (top + w.pad_top - y.first * w.rate) / stride;
    p.from_x = (left + w.pad_left - x.first * w.rate) / stride;
    p.taps_across = fast_division(x.count);
    return p;
  }
};

}  // namespace odt::cuda
