// SPDX-License-Identifier: MIT
// The data gradient of a convolution with a stride, cut into phases: the pixels at one place modulo the stride meet the
// same of the window's taps, so that a product over those alone multiplies no zeros.
#pragma once

#include <odt/exec/cuda/machine/fast_division.hpp>
#include <odt/exec/cuda/machine/shapes.hpp>
#include <odt/exec/met_taps.hpp>

#include <algorithm>

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
    const met_taps any(0, height, w.kernel_height, stride, w.rate, w.pad_top);
    tap_step = any.step, read_step = any.source_step;
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
  static phase phase_at(const window& w, int top, int left, int batch, int height, int width) {
    const met_taps y(top, height, w.kernel_height, w.stride, w.rate, w.pad_top);
    const met_taps x(left, width, w.kernel_width, w.stride, w.rate, w.pad_left);
    phase p;
    p.top = top, p.left = left;
    p.width = fast_division(x.pixels), p.pixels = fast_division(y.pixels * x.pixels);
    p.rows = batch * y.pixels * x.pixels;
    p.taps = y.count * x.count;
    if (p.taps == 0) return p;
    p.tap_y = y.first, p.tap_x = x.first;
    p.from_y = y.source, p.from_x = x.source;
    p.taps_across = fast_division(x.count);
    return p;
  }
};

}  // namespace odt::cuda
