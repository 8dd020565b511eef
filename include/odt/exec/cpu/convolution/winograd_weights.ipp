// SPDX-License-Identifier: MIT
// The weights' gradient: at each point, the sum over the tiles of the inputs' points times the outputs' gradients'.
#pragma once

#include <odt/core/target.hpp>
#include <odt/exec/cpu/convolution/winograd.hpp>

namespace odt::cpu {
inline namespace ODT_ISA {

namespace detail::winograd {

/// One job: some of the input and output channels, summed over some of the tiles.
class weights_product {
 public:
  /// Tiles of registers share a vector of input channels.
  static constexpr int rows = std::min(lanes / 2, tile_rows);

  weights_product(const window& w, const const_tensor& x, const const_tensor& dy, const weights_plan& plan, int job,
                  float* sums, float* block)
      : window_(w), x_(x), dy_(dy), grid_(dy.extents()), inputs_(block) {
    const int part = job % plan.tile_parts, square = job / plan.tile_parts;
    const auto cut = [](int channels, int parts, int i) {  // whole vectors
      return std::min(channels, static_cast<int>(round_up(conv::piece(channels, parts, i), lanes)));
    };
    row_ = cut(plan.in, plan.row_parts, square % plan.row_parts);
    row_end_ = cut(plan.in, plan.row_parts, square % plan.row_parts + 1);
    column_ = cut(plan.out, plan.column_parts, square / plan.row_parts);
    column_end_ = cut(plan.out, plan.column_parts, square / plan.row_parts + 1);
    first_ = conv::piece(plan.tiles, plan.tile_parts, part), last_ = conv::piece(plan.tiles, plan.tile_parts, part + 1);
    sums_ = sums + plan.points_size() * part;
    gradients_ = block + points * input_size;
  }

  void run() {
    const std::ptrdiff_t blocks = std::max<std::ptrdiff_t>(1, ceil_div(last_ - first_, part_tiles));
    for (std::ptrdiff_t b = 0; b < blocks; ++b) {
      const std::ptrdiff_t begin = first_ + conv::piece(last_ - first_, blocks, b);
      const int count = static_cast<int>(first_ + conv::piece(last_ - first_, blocks, b + 1) - begin);
      for (int t = 0; t < count; ++t) transform(grid_.first_pixel(begin + t), t);
      for (int point = 0; point < points; ++point) multiply(point, count, b > 0);
    }
  }

 private:
  static constexpr std::ptrdiff_t point_size = std::ptrdiff_t{part_tiles} * part_channels;
  static constexpr std::ptrdiff_t input_size = point_size * column_stride / lanes;

  /// Vectors of input channels lie one after another, each with all tiles; of gradients, panels.
  void transform(const grid_cursor& at, int t) const {
    const input_patch patch(x_, at, window_.pad_top, window_.pad_left);
    for (int c = row_; c < row_end_; c += lanes) {
      vec p[4][4];
      patch.transform(x_.transform, c, x_.channels - c, p);
      float* to = inputs_ + (std::ptrdiff_t{c - row_} / lanes * part_tiles + t) * column_stride;
      unroll<points>([&](auto k) { store(to + k * input_size, p[k / 4][k % 4]); });
    }
    for (int c = column_; c < round_up(column_end_ - column_, tile_columns) + column_; c += lanes) {
      vec y[2][2], p[4][4];
      unroll<4>([&](auto i) {
        const bool inside = c < column_end_ && at.y + i / 2 < grid_.height && at.x + i % 2 < grid_.width;
        y[i / 2][i % 2] =
            inside ? load_first(dy_.pixel(at.image, at.y + i / 2, at.x + i % 2) + c, dy_.channels - c) : vec(0.0f);
      });
      outputs_to_points(y, p);
      const int apart = c - column_;
      float* to = gradients_ + std::ptrdiff_t{apart / tile_columns * tile_columns} * part_tiles + t * tile_columns +
                  apart % tile_columns;
      unroll<points>([&](auto k) { store(to + k * point_size, p[k / 4][k % 4]); });
    }
  }

  void multiply(int point, int count, bool again) const {
    float* to[lanes];
    for (int column = column_; column < column_end_; column += tile_columns) {
      tile_output out{.column = column, .columns = std::min(tile_columns, column_end_ - column)};
      out.start = again ? tile_start::add : tile_start::overwrite;
      const float* panel = gradients_ + point * point_size + std::ptrdiff_t{column - column_} * part_tiles;
      for (int row = row_; row < row_end_; row += rows) {
        const int height = std::min(rows, row_end_ - row);
        for (int i = 0; i < height; ++i) to[i] = sums_ + (std::ptrdiff_t{point} * x_.channels + row + i) * dy_.channels;
        out.rows = to;
        const int apart = row - row_;
        const float* block =
            inputs_ + point * input_size + std::ptrdiff_t{apart / lanes} * part_tiles * column_stride + apart % lanes;
        tile_of<fp32_product, tile_order::columns>(height, out.columns)(count, block, panel, out);
      }
    }
  }

  const window& window_;
  const const_tensor &x_, &dy_;
  tile_grid grid_;
  int row_, row_end_, column_, column_end_;
  std::ptrdiff_t first_, last_;
  float *inputs_, *gradients_, *sums_;
};

/// Adds up the parts, and turns the points' gradients into those of the weights.
ODT_INLINE void join_weights(thread_pool& pool, const weights_plan& plan, const float* sums, float* dw,
                             bool accumulate) {
  const std::ptrdiff_t tap = std::ptrdiff_t{1} * plan.in * plan.out;
  pool.run(plan.in, [&](int i, int) {
    for (int o = 0; o < plan.out; o += lanes) {
      const std::ptrdiff_t at = std::ptrdiff_t{i} * plan.out + o;
      vec p[4][4], g[3][3];
      unroll<points>([&](auto k) {
        vec sum(0.0f);
        for (int part = 0; part < plan.tile_parts; ++part)
          sum += load_first(sums + plan.points_size() * part + k * tap + at, plan.out - o);
        p[k / 4][k % 4] = sum;
      });
      points_to_weights(p, g);
      unroll<9>([&](auto t) {
        float* to = dw + t * tap + at;
        const vec before = accumulate ? load_first(to, plan.out - o) : vec(0.0f);
        store_first(to, before + g[t / 3][t % 3], plan.out - o);
      });
    }
  });
}

}  // namespace detail::winograd

ODT_INLINE void winograd_backward_weights(thread_pool& pool, const window& w, const const_tensor& x,
                                          const const_tensor& dy, float* dw, float* dbias, std::byte* scratch,
                                          bool accumulate) {
  using namespace detail::winograd;
  const weights_plan plan(tile_grid(dy.extents()).count, x.channels, dy.channels);
  scratch_space space(scratch);
  const weights_memory memory(space, plan, dy.extents(), pool.size());
  pool.run(plan.jobs(), [&](int job, int thread) {
    weights_product(w, x, dy, plan, job, memory.partial, memory.blocks + thread * weights_memory::per_thread).run();
  });
  join_weights(pool, plan, memory.partial, dw, accumulate);
  if (dbias) sum_pixels(pool, dy, dbias, accumulate, memory.bias);
}

}  // namespace ODT_ISA
}  // namespace odt::cpu
