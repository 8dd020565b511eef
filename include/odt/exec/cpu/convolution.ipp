// SPDX-License-Identifier: MIT
#pragma once

#include <odt/core/target.hpp>
#include <odt/exec/cpu/convolution.hpp>
#include <odt/exec/cpu/gather.hpp>
#include <odt/exec/cpu/sums.hpp>

#include <numeric>

namespace odt::cpu {
inline namespace ODT_ISA {

namespace detail::conv {

inline constexpr int chunk_rows = 224 / tile_rows * tile_rows;  ///< rows of a packed block of A: it stays in L2
inline constexpr int group_panels = 256 / tile_columns;         ///< panels of B that a chunk of rows meets at a time
inline constexpr int weight_depth = 128;                        ///< pixels of a block of the weights' gradient
inline constexpr std::ptrdiff_t block_floats = std::ptrdiff_t{chunk_rows} * block_stride;

/// Piece i of `parts` nearly equal ones of [0, count).
inline std::ptrdiff_t piece(std::ptrdiff_t count, std::ptrdiff_t parts, std::ptrdiff_t i) { return count * i / parts; }

/// How the rows and columns of a product are cut into jobs; follows from the shape alone.
struct product_plan {
  int chunk = 0, chunks = 0, panels = 0, per_group = group_panels, groups = 0;

  product_plan(std::ptrdiff_t rows, std::ptrdiff_t columns) {
    chunk = static_cast<int>(round_up(ceil_div(rows, ceil_div(rows, chunk_rows)), tile_rows));
    chunks = static_cast<int>(ceil_div(rows, chunk));
    panels = static_cast<int>(ceil_div(columns, tile_columns));
    while (per_group > 1 && chunks * ceil_div(panels, per_group) < 16) per_group /= 2;
    groups = static_cast<int>(ceil_div(panels, per_group));
  }
};

/// Where the product goes and what is done with it on the way.
struct product_target {
  tensor to;
  const float* bias = nullptr;
  bool accumulate = false;
  float* moments = nullptr;  ///< chunks x 3 x sums_stride floats, or null
};

/// One job: a chunk of rows times a group of panels.
ODT_INLINE void multiply_chunk(const gather& a, const float* panels, const product_target& target,
                               const product_plan& plan, int chunk, int group, float* block) {
  const tensor& to = target.to;
  const std::ptrdiff_t first_row = std::ptrdiff_t{plan.chunk} * chunk, depth = a.depth();
  const int rows = static_cast<int>(std::min<std::ptrdiff_t>(plan.chunk, a.rows() - first_row));
  float* pixels[chunk_rows];
  grid_cursor at = a.cursor(first_row);
  for (int r = 0; r < rows; ++r, a.advance(at))
    pixels[r] =
        to.pixel(at.image, at.y * a.y.target_step + a.y.target_offset, at.x * a.x.target_step + a.x.target_offset);
  const int tiles = static_cast<int>(ceil_div(rows, tile_rows));
  const std::ptrdiff_t stride = sums_stride(to.channels),
                       blocks = std::max<std::ptrdiff_t>(1, ceil_div(depth, block_width));
  const chunk_moments moments{target.moments + 3 * stride * chunk, stride};
  for (std::ptrdiff_t b = 0; b < blocks; ++b) {
    const std::ptrdiff_t first = piece(depth, blocks, b), last = piece(depth, blocks, b + 1);
    pack_block(a, first_row, rows, first, last, block);
    const tile_start start = b > 0 || target.accumulate ? tile_start::add : tile_start::overwrite;
    const float* bias = b == 0 ? target.bias : nullptr;
    for (int j = group * plan.per_group; j < std::min(plan.panels, (group + 1) * plan.per_group); ++j) {
      const float* panel = panels + panels_size(depth, std::ptrdiff_t{tile_columns} * j) + first * tile_columns;
      const int column = j * tile_columns, columns = std::min(tile_columns, to.channels - column);
      for (int i = 0; i < tiles; ++i) {
        const int top = tile_begin(rows, tiles, i), height = tile_begin(rows, tiles, i + 1) - top;
        tile_of<tile_order::rows>(height, columns)(last - first, block + std::ptrdiff_t{top} * block_stride, panel,
                                                   pixels + top, column, columns, start, bias);
        if (target.moments && b + 1 == blocks)
          add_moments([&](int r) { return pixels[top + r]; }, height, column, columns, moments, i == 0);
      }
    }
  }
}

ODT_INLINE void multiply(thread_pool& pool, const gather& a, const float* panels, const product_target& target,
                         float* blocks) {
  const product_plan plan(a.rows(), target.to.channels);
  pool.run(plan.chunks * plan.groups, [&](int job, int thread) {
    multiply_chunk(a, panels, target, plan, job % plan.chunks, job / plan.chunks, blocks + thread * block_floats);
  });
}

ODT_INLINE gather_axis forward_axis(int out, int in, int kernel, int stride, int rate, int pad) {
  return {.size = out, .source = in, .step = stride, .offset = -pad, .taps = kernel, .delta = rate};
}

ODT_INLINE gather forward_gather(const convolution& c, const const_tensor& x, const shape& out) {
  return {x, forward_axis(out.height, x.height, c.kernel_height, c.stride_height, c.rate, c.pad_top),
          forward_axis(out.width, x.width, c.kernel_width, c.stride_width, c.rate, c.pad_left)};
}

/// Input positions of one residue modulo the stride, and the taps that reach them: in + pad - tap*rate must be a
/// multiple of the stride. Taps descend, so that source positions ascend.
ODT_INLINE gather_axis backward_axis(int in, int out, int kernel, int stride, int rate, int pad, int phase) {
  gather_axis axis{.size = in > phase ? (in - phase + stride - 1) / stride : 0,
                   .source = out,
                   .target_step = stride,
                   .target_offset = phase};
  const int common = std::gcd(stride, rate);
  const int tap_step = stride / common;
  axis.taps = 0;
  for (int tap = 0; tap < kernel; ++tap)
    if ((phase + pad - tap * rate) % stride == 0) {
      axis.first_tap = tap;
      ++axis.taps;
    }
  axis.tap_step = -tap_step;
  axis.delta = rate / common;
  if (axis.taps > 0) axis.offset = (phase + pad - axis.first_tap * rate) / stride;
  return axis;
}

/// Calls body(y axis, x axis) for each residue of the strides.
template <class Body>
void each_phase(const convolution& c, const shape& in, const shape& out, const Body& body) {
  for (int py = 0; py < c.stride_height; ++py)
    for (int px = 0; px < c.stride_width; ++px) {
      const auto y = backward_axis(in.height, out.height, c.kernel_height, c.stride_height, c.rate, c.pad_top, py);
      const auto x = backward_axis(in.width, out.width, c.kernel_width, c.stride_width, c.rate, c.pad_left, px);
      if (y.size > 0 && x.size > 0) body(y, x);
    }
}

/// The weights of the taps of a phase, input and output channels exchanged: a panel is 32 input channels wide.
ODT_INLINE void pack_transposed(thread_pool& pool, const convolution& c, const gather& a, const float* weights, int in,
                                int out, float* panels) {
  const int taps = a.y.taps * a.x.taps;
  const int count = static_cast<int>(ceil_div(in, tile_columns));
  pool.run(count * taps, [&](int job, int) {
    const int j = job / taps, t = job % taps, first = j * tile_columns, width = std::min(tile_columns, in - first);
    const int ky = a.y.first_tap + t / a.x.taps * a.y.tap_step, kx = a.x.first_tap + t % a.x.taps * a.x.tap_step;
    const float* from = weights + ((std::ptrdiff_t{1} * ky * c.kernel_width + kx) * in + first) * out;
    float* panel =
        panels + panels_size(a.depth(), std::ptrdiff_t{tile_columns} * j) + std::ptrdiff_t{1} * t * out * tile_columns;
    for (int k = 0; k < out; k += lanes) {
      const int last = std::min(out, k + lanes);
      for (int i = 0; i < width; ++i)
        for (int o = k; o < last; ++o) panel[std::ptrdiff_t{o} * tile_columns + i] = from[std::ptrdiff_t{i} * out + o];
      if (width < tile_columns)
        for (int o = k; o < last; ++o)
          std::fill(panel + std::ptrdiff_t{o} * tile_columns + width, panel + std::ptrdiff_t{o + 1} * tile_columns,
                    0.0f);
    }
  });
}

/// How the weights' gradient (taps*in rows, out columns, a sum over all pixels) is cut into jobs.
struct weights_plan {
  std::ptrdiff_t rows, pixels;
  int row_parts, panels, per_group = group_panels, groups, pixel_parts;

  weights_plan(const convolution& c, const shape& in, const shape& out)
      : rows(std::ptrdiff_t{1} * c.kernel_height * c.kernel_width * in.channels), pixels(out.pixels()) {
    row_parts = static_cast<int>(ceil_div(rows, block_width));
    panels = static_cast<int>(ceil_div(out.channels, tile_columns));
    groups = static_cast<int>(ceil_div(panels, per_group));
    const std::ptrdiff_t tiles = std::ptrdiff_t{1} * row_parts * groups;
    const std::ptrdiff_t wanted = ceil_div(rows * out.channels < 131072 ? 16 : 8, tiles);
    pixel_parts = static_cast<int>(std::clamp<std::ptrdiff_t>(wanted, 1, std::max<std::ptrdiff_t>(1, pixels / 256)));
  }
};

inline constexpr std::ptrdiff_t weight_block_floats =
    std::ptrdiff_t{weight_depth} * (block_stride + group_panels * tile_columns);

/// One job of the weights' gradient: some of its rows and columns, summed over some of the pixels.
ODT_INLINE void multiply_weights(const gather& a, const const_tensor& dy, const weights_plan& plan, int row_part,
                                 int group, int pixel_part, float* to, bool accumulate, float* blocks) {
  const std::ptrdiff_t first = piece(plan.rows, plan.row_parts, row_part),
                       last = piece(plan.rows, plan.row_parts, row_part + 1);
  const std::ptrdiff_t begin = piece(plan.pixels, plan.pixel_parts, pixel_part),
                       end = piece(plan.pixels, plan.pixel_parts, pixel_part + 1);
  const std::ptrdiff_t parts = std::max<std::ptrdiff_t>(1, ceil_div(end - begin, weight_depth));
  const int height = static_cast<int>(last - first), tiles = static_cast<int>(ceil_div(height, tile_rows));
  const int left = group * plan.per_group, right = std::min(plan.panels, left + plan.per_group);
  float* rows[block_width];
  for (int i = 0; i < height; ++i) rows[i] = to + (first + i) * dy.channels;
  float* const panels = blocks + std::ptrdiff_t{weight_depth} * block_stride;
  const float* pixels[weight_depth];
  for (std::ptrdiff_t p = 0; p < parts; ++p) {
    const std::ptrdiff_t top = begin + piece(end - begin, parts, p);
    const int depth = static_cast<int>(begin + piece(end - begin, parts, p + 1) - top);
    grid_cursor at = a.cursor(top);
    for (int k = 0; k < depth; ++k, a.advance(at)) pixels[k] = dy.pixel(at.image, at.y, at.x);
    pack_block(a, top, depth, first, last, blocks);
    const tile_start start = p > 0 || accumulate ? tile_start::add : tile_start::overwrite;
    for (int j = left; j < right; ++j) {
      const int column = j * tile_columns, columns = std::min(tile_columns, dy.channels - column);
      float* panel = panels + std::ptrdiff_t{j - left} * weight_depth * tile_columns;
      pack_panel([&](std::ptrdiff_t k) { return pixels[k] + column; }, depth, columns, panel);
      for (int i = 0; i < tiles; ++i) {
        const int row = tile_begin(height, tiles, i), count = tile_begin(height, tiles, i + 1) - row;
        tile_of<tile_order::columns>(count, columns)(depth, blocks + row, panel, rows + row, column, columns, start,
                                                     nullptr);
      }
    }
  }
}

/// Memory of the three directions.
struct forward_memory {
  float *panels, *moments, *blocks;
  forward_memory(scratch_space& space, const convolution& c, const shape& in, const shape& out, int threads) {
    const product_plan plan(out.pixels(), out.channels);
    panels = space.take(panels_size(std::ptrdiff_t{1} * c.kernel_height * c.kernel_width * in.channels, out.channels));
    moments = space.take(3 * sums_stride(out.channels) * plan.chunks);
    blocks = space.take(block_floats * threads);
  }
};

struct backward_memory {
  float *panels, *blocks;
  backward_memory(scratch_space& space, const convolution& c, const shape& in, const shape& out, int threads) {
    panels = space.take(panels_size(std::ptrdiff_t{1} * c.kernel_height * c.kernel_width * out.channels, in.channels));
    blocks = space.take(block_floats * threads);
  }
};

struct weights_memory {
  float *partial, *bias, *blocks;
  weights_memory(scratch_space& space, const convolution& c, const shape& in, const shape& out, int threads) {
    const weights_plan plan(c, in, out);
    partial = space.take(plan.pixel_parts > 1 ? plan.rows * out.channels * plan.pixel_parts : 0);
    bias = space.take(sums_stride(out.channels) * pixel_pieces(out).count);
    blocks = space.take(weight_block_floats * threads);
  }
};

}  // namespace detail::conv

ODT_INLINE std::size_t conv_scratch(const convolution& c, const shape& in, const shape& out, int threads) {
  scratch_space forward(nullptr), backward(nullptr), weights(nullptr);
  detail::conv::forward_memory(forward, c, in, out, threads);
  detail::conv::backward_memory(backward, c, in, out, threads);
  detail::conv::weights_memory(weights, c, in, out, threads);
  return std::max({forward.used(), backward.used(), weights.used()});
}

ODT_INLINE void conv_forward(thread_pool& pool, const convolution& c, const const_tensor& x, const float* weights,
                             const float* bias, const tensor& y, const batch_statistics* statistics,
                             std::byte* scratch) {
  using namespace detail::conv;
  scratch_space space(scratch);
  const forward_memory memory(space, c, x.extents(), y.extents(), pool.size());
  const gather a = forward_gather(c, x, y.extents());
  pool.run(static_cast<int>(ceil_div(y.channels, tile_columns)), [&](int j, int) {
    const std::ptrdiff_t column = std::ptrdiff_t{tile_columns} * j;
    pack_panel([&](std::ptrdiff_t k) { return weights + k * y.channels + column; }, a.depth(),
               std::min<std::ptrdiff_t>(tile_columns, y.channels - column),
               memory.panels + panels_size(a.depth(), column));
  });
  multiply(pool, a, memory.panels, {y, bias, false, statistics ? memory.moments : nullptr}, memory.blocks);
  if (!statistics) return;
  const product_plan plan(a.rows(), y.channels);
  const auto size_of = [&](int chunk) {
    return static_cast<double>(std::min<std::ptrdiff_t>(plan.chunk, a.rows() - std::ptrdiff_t{plan.chunk} * chunk));
  };
  join_moments(pool, memory.moments, plan.chunks, size_of, y.channels, *statistics);
}

ODT_INLINE void conv_backward_data(thread_pool& pool, const convolution& c, const const_tensor& dy,
                                   const float* weights, const tensor& dx, bool accumulate, std::byte* scratch) {
  using namespace detail::conv;
  scratch_space space(scratch);
  const backward_memory memory(space, c, dx.extents(), dy.extents(), pool.size());
  each_phase(c, dx.extents(), dy.extents(), [&](const gather_axis& y, const gather_axis& x) {
    const gather a{dy, y, x};
    if (a.depth() == 0 && accumulate) return;
    pack_transposed(pool, c, a, weights, dx.channels, dy.channels, memory.panels);
    multiply(pool, a, memory.panels, {dx, nullptr, accumulate, nullptr}, memory.blocks);
  });
}

ODT_INLINE void conv_backward_weights(thread_pool& pool, const convolution& c, const const_tensor& x,
                                      const const_tensor& dy, float* dw, float* dbias, std::byte* scratch,
                                      bool accumulate) {
  using namespace detail::conv;
  scratch_space space(scratch);
  const weights_memory memory(space, c, x.extents(), dy.extents(), pool.size());
  const weights_plan plan(c, x.extents(), dy.extents());
  const gather a = forward_gather(c, x, dy.extents());
  const bool split = plan.pixel_parts > 1;
  const std::ptrdiff_t size = plan.rows * dy.channels;
  pool.run(plan.pixel_parts * plan.row_parts * plan.groups, [&](int job, int thread) {
    const int pixel_part = job % plan.pixel_parts, tile = job / plan.pixel_parts;
    multiply_weights(a, dy, plan, tile % plan.row_parts, tile / plan.row_parts, pixel_part,
                     split ? memory.partial + size * pixel_part : dw, !split && accumulate,
                     memory.blocks + thread * weight_block_floats);
  });
  if (split) join_sums(pool, memory.partial, size, plan.pixel_parts, size, dw, accumulate);
  if (dbias) sum_pixels(pool, dy, dbias, accumulate, memory.bias);
}

}  // namespace ODT_ISA
}  // namespace odt::cpu
