// SPDX-License-Identifier: MIT
// The left matrix of a convolution seen as a matrix product, never whole in memory: one row a pixel of a grid, one
// column a tap and channel; blocks of it are packed when they are needed.
#pragma once

#include <odt/exec/cpu/gemm.hpp>

namespace odt::cpu {
inline namespace ODT_ISA {

/// One image axis. Tap t of grid position g reads source position g*step + offset + t*delta (zero outside), multiplies
/// with the kernel's tap first_tap + t*tap_step, and belongs to target position g*target_step + target_offset.
struct gather_axis {
  int size = 1;    ///< grid positions
  int source = 1;  ///< source positions
  int step = 1, offset = 0;
  int taps = 1, delta = 1;
  int first_tap = 0, tap_step = 1;
  int target_step = 1, target_offset = 0;
};

/// A grid position, counted through the batch.
struct grid_cursor {
  int image = 0, y = 0, x = 0;
};

struct gather {
  const_tensor source;
  gather_axis y, x;

  std::ptrdiff_t rows() const { return std::ptrdiff_t{1} * source.batch * y.size * x.size; }
  std::ptrdiff_t depth() const { return std::ptrdiff_t{1} * y.taps * x.taps * source.channels; }

  grid_cursor cursor(std::ptrdiff_t row) const {
    const std::ptrdiff_t line = row / x.size;
    return {static_cast<int>(line / y.size), static_cast<int>(line % y.size), static_cast<int>(row % x.size)};
  }
  /// Whether row r is simply source pixel r, as in a 1x1 convolution of stride 1.
  bool pointwise() const {
    const auto same = [](const gather_axis& a) {
      return a.taps == 1 && a.step == 1 && a.offset == 0 && a.size == a.source;
    };
    return same(y) && same(x);
  }
  void advance(grid_cursor& c) const {
    if (++c.x < x.size) return;
    c.x = 0;
    if (++c.y < y.size) return;
    c.y = 0;
    ++c.image;
  }
};

/// pack_block of a pointwise gather: pixels, image by image.
inline void pack_pixels(const gather& g, std::ptrdiff_t row, int count, std::ptrdiff_t first, std::ptrdiff_t last,
                        float* block) {
  const const_tensor& s = g.source;
  const std::ptrdiff_t image_pixels = std::ptrdiff_t{1} * s.height * s.width, channels = last - first;
  for (int done = 0; done < count;) {
    const std::ptrdiff_t image = (row + done) / image_pixels, pixel = (row + done) % image_pixels;
    const int rows = static_cast<int>(std::min<std::ptrdiff_t>(count - done, image_pixels - pixel));
    const float* from = s.data + (image * s.image_stride + pixel * s.pixel_stride + first);
    float* to = block + std::ptrdiff_t{done} * block_stride;
    done += rows;
    if (channels <= lanes)
      copy_pixels<1>(to, block_stride, from, s.pixel_stride, rows, channels, s.transform, first);
    else if (channels == 2 * lanes)
      copy_pixels<2>(to, block_stride, from, s.pixel_stride, rows, channels, s.transform, first);
    else if (channels == 4 * lanes)
      copy_pixels<4>(to, block_stride, from, s.pixel_stride, rows, channels, s.transform, first);
    else
      for (int r = 0; r < rows; ++r, to += block_stride, from += s.pixel_stride)
        copy_channels(to, from, channels, s.transform, first);
  }
}

/// Packs rows [row, row + count) and columns [first, last) of the matrix, last - first <= block_width, into rows of
/// `block_stride` floats, with the source's transform applied.
inline void pack_block(const gather& g, std::ptrdiff_t row, int count, std::ptrdiff_t first, std::ptrdiff_t last,
                       float* block) {
  if (g.pointwise()) return pack_pixels(g, row, count, first, last, block);
  const const_tensor& s = g.source;
  const std::ptrdiff_t channels = s.channels;
  // Taps along a line whose pixels touch are one run, unless the transform differs by channel.
  const bool touching = g.x.delta == 1 && s.pixel_stride == channels && !s.transform.scale;
  const int span = touching ? g.x.taps : 1;
  const grid_cursor start = g.cursor(row);
  for (int ty = 0; ty < g.y.taps; ++ty)
    for (int tx = 0; tx < g.x.taps; tx += span) {
      const std::ptrdiff_t run = (std::ptrdiff_t{1} * ty * g.x.taps + tx) * channels;
      const std::ptrdiff_t begin = std::max(first, run) - run, end = std::min(last, run + span * channels) - run;
      if (begin >= end) continue;
      float* to = block + (run + begin - first);
      grid_cursor at = start;
      for (int r = 0; r < count; ++r, to += block_stride, g.advance(at)) {
        const int sy = at.y * g.y.step + g.y.offset + ty * g.y.delta;
        const int sx = at.x * g.x.step + g.x.offset + tx * g.x.delta;
        const bool inside = sy >= 0 && sy < g.y.source;
        const std::ptrdiff_t from = std::clamp<std::ptrdiff_t>(-sx * channels, begin, end);
        const std::ptrdiff_t upto = inside ? std::clamp((g.x.source - sx) * channels, from, end) : from;
        if (begin < from) zero_channels(to, from - begin);
        if (from < upto) {
          const std::ptrdiff_t pixel =
              at.image * s.image_stride + (std::ptrdiff_t{1} * sy * s.width + sx) * s.pixel_stride;
          copy_channels(to + (from - begin), s.data + (pixel + from), upto - from, s.transform, from);
        }
        if (upto < end) zero_channels(to + (upto - begin), end - upto);
      }
    }
}

/// Floats of a packed right matrix.
constexpr std::ptrdiff_t panels_size(std::ptrdiff_t depth, std::ptrdiff_t columns) {
  return depth * round_up(columns, tile_columns);
}

/// Packs `count` <= tile_columns columns of `depth` rows into a panel, zeros beyond them; row(k) is where row k begins.
template <class Row>
void pack_panel(const Row& row, std::ptrdiff_t depth, std::ptrdiff_t count, float* panel) {
  for (std::ptrdiff_t k = 0; k < depth; ++k, panel += tile_columns) {
    const float* from = row(k);
    unroll<tile_vectors>([&](auto j) {
      const std::ptrdiff_t rest = count - j * lanes;
      store(panel + j * lanes, rest > 0 ? load_first(from + j * lanes, rest) : vec(0.0f));
    });
  }
}

}  // namespace ODT_ISA
}  // namespace odt::cpu
