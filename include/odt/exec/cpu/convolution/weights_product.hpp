// SPDX-License-Identifier: MIT
// The weights' gradient of convolutions, for one kind of product.
#pragma once

#include <odt/exec/cpu/convolution/active_pixels.hpp>
#include <odt/exec/cpu/convolution/amx.hpp>
#include <odt/exec/cpu/convolution/convolution_plan.hpp>

namespace odt::cpu {
inline namespace ODT_ISA {

namespace detail::conv {

/// One job of the weights' gradient: some of its rows and columns, summed over some of the pixels.
template <class Product>
class weights_product {
 public:
  static constexpr int most_pixels = Product::depth * weight_depth;

  weights_product(const gather& a, const const_tensor& dy, const weights_plan& plan, int tile, int pixel_part,
                  float* to, bool accumulate, float* blocks)
      : a_(a), dy_(dy), accumulate_(accumulate) {
    const int row_part = tile / plan.groups, group = tile % plan.groups;
    first_ = piece(plan.rows, plan.row_parts, row_part), last_ = piece(plan.rows, plan.row_parts, row_part + 1);
    begin_ = piece(plan.pixels, plan.pixel_parts, pixel_part);
    end_ = piece(plan.pixels, plan.pixel_parts, pixel_part + 1);
    column_ = static_cast<int>(piece(plan.panels, plan.groups, group)) * tile_columns;
    columns_ =
        std::min(static_cast<int>(piece(plan.panels, plan.groups, group + 1)) * tile_columns, dy.channels) - column_;
    height_ = static_cast<int>(last_ - first_), tiles_ = static_cast<int>(ceil_div(height_, Product::rows));
    for (int i = 0; i < height_; ++i) rows_[i] = to + (first_ + i) * dy.channels;
    panels_ = blocks;
    block_ = blocks + std::ptrdiff_t{weight_depth} * weight_panels * tile_columns;
  }

  void run() {
    [[maybe_unused]] const typename Product::session session;
    const std::ptrdiff_t parts = std::max<std::ptrdiff_t>(1, ceil_div(end_ - begin_, most_pixels));
    for (std::ptrdiff_t p = 0; p < parts; ++p) {
      const std::ptrdiff_t top = begin_ + piece(end_ - begin_, parts, p),
                           next = begin_ + piece(end_ - begin_, parts, p + 1);
      const std::ptrdiff_t after = p + 1 < parts ? begin_ + piece(end_ - begin_, parts, p + 2) : next;
      multiply_pixels(top, static_cast<int>(next - top), p > 0, next, after);
    }
  }

 private:
  /// Adds the products of pixels [top, top + count); those of [next, after) are asked for on the way.
  void multiply_pixels(std::ptrdiff_t top, int count, bool again, std::ptrdiff_t next, std::ptrdiff_t after) {
    grid_cursor positions[most_pixels];
    a_.positions(top, count, positions);
    if constexpr (Product::turned == tile_order::columns)
      pack_columns<Product>(a_, positions, count, first_, last_, tiles_, block_);
    else
      pack_turned<Product>(a_, positions, count, first_, last_, block_);
    pack_panels<Product>(
        [&](std::ptrdiff_t k) { return dy_.pixel(positions[k].image, positions[k].y, positions[k].x) + column_; }, 0,
        count, count, columns_, panels_);
    const std::ptrdiff_t depth = elements<Product>(count), calls = tiles_ * ceil_div(columns_, tile_columns);
    row_prefetch left(a_.source, a_.pointwise() && !a_.chosen, next, after, first_, last_, calls);
    row_prefetch right(dy_, !a_.chosen, next, after, column_, column_ + columns_, calls);
    for (int column = 0; column < columns_; column += tile_columns) {
      tile_output out{.column = column_ + column, .columns = std::min(tile_columns, columns_ - column)};
      out.start = again || accumulate_ ? tile_start::add : tile_start::overwrite;
      for (int i = 0; i < tiles_; ++i) {
        const int row = tile_begin<Product>(height_, tiles_, i),
                  rows = tile_begin<Product>(height_, tiles_, i + 1) - row;
        out.rows = rows_ + row;
        left(), right();
        const float* block = block_ + (Product::turned == tile_order::columns ? i * depth * column_stride
                                                                              : std::ptrdiff_t{row} * block_stride);
        multiply_rows<Product, Product::turned>(rows, depth, block, panels_ + column * depth, out);
      }
    }
  }

  const gather& a_;
  const const_tensor& dy_;
  bool accumulate_;
  std::ptrdiff_t first_, last_, begin_, end_;
  int column_, columns_, height_, tiles_;
  float *panels_, *block_;
  float* rows_[block_width];
};

template <class Product>
void backward_weights(thread_pool& pool, const window& w, const const_tensor& x, const const_tensor& dy, float* dw,
                      float* dbias, std::byte* scratch, bool accumulate, gradient_kind kind) {
  scratch_space space(scratch);
  const weights_memory memory(space, w, x.extents(), dy.extents(), pool.size());
  gather a = forward_gather(w, x, dy.extents());
  if (kind == gradient_kind::sparse) {
    mark_active(pool, dy, memory.marks);
    a.chosen = memory.list, a.chosen_count = list_active(memory.marks, dy.extents().pixels(), memory.list);
  }
  weights_plan plan(w, x.channels, dy.channels, a.rows());
  plan.pixel_parts =
      std::min(plan.pixel_parts, weights_plan(w, x.channels, dy.channels, dy.extents().pixels()).pixel_parts);
  const bool split = plan.pixel_parts > 1;
  const std::ptrdiff_t size = plan.rows * dy.channels;
  pool.run(plan.jobs(), [&](int job, int thread) {
    const int pixel_part = job % plan.pixel_parts;
    weights_product<Product>(a, dy, plan, job / plan.pixel_parts, pixel_part,
                             split ? memory.partial + size * pixel_part : dw, !split && accumulate,
                             memory.blocks + thread * weight_block_floats)
        .run();
  });
  if (split) join_sums(pool, memory.partial, size, plan.pixel_parts, size, dw, accumulate);
  if (dbias) sum_pixels(pool, dy, dbias, accumulate, memory.bias);
}

}  // namespace detail::conv

}  // namespace ODT_ISA
}  // namespace odt::cpu
