// SPDX-License-Identifier: MIT
#pragma once

#include <odt/core/target.hpp>
#include <odt/exec/cpu/convolution/winograd.hpp>
#include <odt/exec/cpu/machine/transpose.hpp>

namespace odt::cpu {
inline namespace ODT_ISA {

namespace detail::winograd {

ODT_INLINE void pack_weights(thread_pool& pool, const float* weights, int in, int out, float* panels) {
  const std::ptrdiff_t size = matrix_size(in, out), tap = std::ptrdiff_t{1} * in * out;
  pool.run(in, [&](int i, int) {
    for (int o = 0; o < round_up(out, tile_columns); o += lanes) {
      vec w[3][3], p[4][4];
      unroll<9>([&](auto t) {
        w[t / 3][t % 3] = o < out ? load_first(weights + t * tap + std::ptrdiff_t{i} * out + o, out - o) : vec(0.0f);
      });
      weights_to_points(w, p);
      float* to = panels + matrix_size(in, o / tile_columns * tile_columns) + std::ptrdiff_t{i} * tile_columns +
                  o % tile_columns;
      unroll<points>([&](auto k) { store(to + k * size, p[k / 4][k % 4]); });
    }
  });
}

/// The same of the kernel turned by half a turn, in and out channels exchanged: out channels x in channels.
ODT_INLINE void pack_turned_weights(thread_pool& pool, const float* weights, int in, int out, float* panels) {
  const std::ptrdiff_t size = matrix_size(out, in), tap = std::ptrdiff_t{1} * in * out;
  pool.run(static_cast<int>(round_up(in, tile_columns) / lanes), [&](int job, int) {
    const int i = job * lanes;
    alignas(64) float square[points][lanes][lanes];
    for (int o = 0; o < out; o += lanes) {
      for (int row = 0; row < lanes; ++row) {
        vec w[3][3], p[4][4];
        unroll<9>([&](auto t) {
          const float* from = weights + (8 - t) * tap + std::ptrdiff_t{i + row} * out + o;
          w[t / 3][t % 3] = i + row < in ? load_first(from, out - o) : vec(0.0f);
        });
        weights_to_points(w, p);
        unroll<points>([&](auto k) { store(square[k][row], p[k / 4][k % 4]); });
      }
      float* to = panels + matrix_size(out, i / tile_columns * tile_columns) + std::ptrdiff_t{o} * tile_columns +
                  i % tile_columns;
      for (int k = 0; k < points; ++k, to += size) {
        vector_register rows[lanes];
        unroll<lanes>([&](auto r) { rows[r] = load(square[k][r]); });
        transpose(rows);
        for (int c = 0; c < std::min(lanes, out - o); ++c) store(to + std::ptrdiff_t{c} * tile_columns, vec(rows[c]));
      }
    }
  });
}

/// What a product reads, writes and leaves behind.
struct chunk_target {
  const_tensor from;
  int pad_top, pad_left;
  tensor to;
  const float* bias = nullptr;
  bool accumulate = false;
  const pending* finish = nullptr;
  float* moments = nullptr;
  const gradient_sums* sums = nullptr;
  float* partial = nullptr;
};

/// One job: some tiles, from inputs to outputs.
class chunk_product {
 public:
  chunk_product(const chunk_target& target, const float* weights, const chunk_plan& plan, int chunk, float* block)
      : t_(target), weights_(weights), plan_(plan), grid_(target.to.extents()), chunk_(chunk), inputs_(block) {
    count_ = plan.size(chunk);
    outputs_ = block + std::ptrdiff_t{points} * most_tiles * plan.depth_blocks * block_stride;
    for (int r = 0; r < count_; ++r) tiles_[r] = grid_.first_pixel(plan.first_tile(chunk) + r);
    stream_ = !target.accumulate && worth_streaming(target.to);
  }

  void run() {
    transform_inputs();
    for (int column = 0; column < t_.to.channels; column += group_columns) {
      for (int point = 0; point < points; ++point) multiply(point, column);
      write_outputs(column);
    }
    if (stream_) finish_stores();
  }

 private:
  float* input(int point, int block) const {
    return inputs_ + (std::ptrdiff_t{point} * plan_.depth_blocks + block) * most_tiles * block_stride;
  }
  float* output(int point) const { return outputs_ + std::ptrdiff_t{point} * most_tiles * group_columns; }

  void transform_inputs() const {
    for (int r = 0; r < count_; ++r) {
      const input_patch patch(t_.from, tiles_[r], t_.pad_top, t_.pad_left);
      for (int c = 0; c < t_.from.channels; c += lanes) {
        vec p[4][4];
        patch.transform(t_.from.transform, c, t_.from.channels - c, p);
        float* to = input(0, c / block_width) + std::ptrdiff_t{r} * block_stride + c % block_width;
        const std::ptrdiff_t step = input(1, 0) - input(0, 0);
        unroll<points>([&](auto k) { store(to + k * step, p[k / 4][k % 4]); });
      }
    }
  }

  void multiply(int point, int column) const {
    float* rows[most_tiles];
    for (int r = 0; r < count_; ++r) rows[r] = output(point) + std::ptrdiff_t{r} * group_columns;
    const int depth = t_.from.channels, tiles = static_cast<int>(ceil_div(count_, tile_rows));
    const float* matrix = weights_ + point * matrix_size(depth, t_.to.channels);
    const float* const end = weights_ + packed_size(depth, t_.to.channels);
    for (int j = 0; j < group_columns && column + j < t_.to.channels; j += tile_columns)
      for (int b = 0; b < plan_.depth_blocks; ++b) {
        const int first = b * block_width, width = std::min(depth - first, block_width);
        const float* panel = matrix + matrix_size(depth, column + j) + first * tile_columns;
        const float* const next = panel + std::ptrdiff_t{width} * tile_columns;
        tile_output out{.column = j, .start = b > 0 ? tile_start::add : tile_start::overwrite};
        for (int i = 0; i < tiles; ++i) {
          const int top = tile_begin<fp32_product>(count_, tiles, i),
                    height = tile_begin<fp32_product>(count_, tiles, i + 1) - top;
          out.rows = rows + top;
          out.ahead = i < 2 && next < end ? next + std::ptrdiff_t{i} * width * lanes : nullptr;
          tile_of<fp32_product, tile_order::rows>(height, tile_columns)(
              width, input(point, b) + std::ptrdiff_t{top} * block_stride, panel, out);
        }
      }
  }

  void write_outputs(int column) const {
    const std::ptrdiff_t step = output(1) - output(0);
    for (int r = 0; r < count_; ++r) {
      const int height = std::min(2, grid_.height - tiles_[r].y), width = std::min(2, grid_.width - tiles_[r].x);
      if (t_.sums && r + 1 < count_) ask_for_raw(tiles_[r + 1], column);
      for (int c = column; c < std::min(column + group_columns, t_.to.channels); c += lanes) {
        vec p[4][4], y[2][2];
        const float* from = output(0) + std::ptrdiff_t{r} * group_columns + (c - column);
        unroll<points>([&](auto k) { p[k / 4][k % 4] = load(from + k * step); });
        points_to_outputs(p, y);
        if (height == 2 && width == 2)
          write<2, 2>(y, r, c);
        else if (height == 2)
          write<2, 1>(y, r, c);
        else if (width == 2)
          write<1, 2>(y, r, c);
        else
          write<1, 1>(y, r, c);
      }
    }
  }

  /// The next tile's. (Inlined by force: gcc 12 drops calls of a function that does nothing but ask.)
  [[gnu::always_inline]] void ask_for_raw(const grid_cursor& at, int column) const {
    constexpr int line = 16;
    const int end = std::min(column + group_columns, t_.to.channels);
    for (int y = at.y; y < std::min(at.y + 2, grid_.height); ++y)
      for (int x = at.x; x < std::min(at.x + 2, grid_.width); ++x)
        for (int c = column; c < end; c += line) __builtin_prefetch(t_.sums->z.pixel(at.image, y, x) + c, 0, 3);
  }

  template <int Height, int Width>
  void write(const vec (&y)[2][2], int r, int channel) const {
    vec values[Height * Width][1];
    float* rows[Height * Width];
    const float* raw[Height * Width];
    unroll<Height * Width>([&](auto i) {
      constexpr int dy = i / Width, dx = i % Width;
      const grid_cursor& at = tiles_[r];
      values[i][0] = y[dy][dx];
      rows[i] = t_.to.pixel(at.image, at.y + dy, at.x + dx);
      raw[i] = t_.sums ? t_.sums->z.pixel(at.image, at.y + dy, at.x + dx) : nullptr;
    });
    const std::ptrdiff_t stride = sums_stride(t_.to.channels);
    tile_output out{.rows = rows, .column = channel, .columns = std::min(lanes, t_.to.channels - channel)};
    out.start = t_.accumulate ? tile_start::add : tile_start::overwrite;
    out.stream = stream_, out.first = r == 0;
    out.bias = t_.bias, out.finish = t_.finish;
    if (t_.moments) out.moments = {t_.moments + 3 * stride * chunk_, stride};
    out.sums = t_.sums, out.raw = raw;
    if (t_.sums) out.gradients = gradient_sums_chunk(t_.partial, t_.to.channels, chunk_);
    finish_columns<Height * Width, 1>(values, out);
  }

  const chunk_target& t_;
  const float* weights_;
  const chunk_plan& plan_;
  tile_grid grid_;
  int chunk_, count_ = 0;
  bool stream_ = false;
  float *inputs_, *outputs_ = nullptr;
  grid_cursor tiles_[most_tiles];
};

ODT_INLINE void multiply(thread_pool& pool, const chunk_target& target, const chunk_plan& plan, const float* weights,
                         const chunk_memory& memory) {
  pool.run(plan.chunks, [&](int chunk, int thread) {
    chunk_product(target, weights, plan, chunk, memory.blocks + thread * memory.per_thread).run();
  });
}

/// Output pixels of a chunk: tiles at the border have fewer than four.
ODT_INLINE std::ptrdiff_t pixels_of(const tile_grid& grid, const chunk_plan& plan, int chunk) {
  std::ptrdiff_t count = 0;
  for (std::ptrdiff_t t = plan.first_tile(chunk); t < plan.first_tile(chunk + 1); ++t) {
    const grid_cursor at = grid.first_pixel(t);
    count += std::ptrdiff_t{1} * std::min(2, grid.height - at.y) * std::min(2, grid.width - at.x);
  }
  return count;
}

}  // namespace detail::winograd

ODT_INLINE std::size_t winograd_scratch(const shape& in, const shape& out, int threads) {
  using namespace detail::winograd;
  scratch_space forward(nullptr), backward(nullptr), weights(nullptr);
  chunk_memory(forward, chunk_plan(tile_grid(out).count, in.channels), in.channels, out.channels, threads);
  chunk_memory(backward, chunk_plan(tile_grid(in).count, out.channels), out.channels, in.channels, threads);
  weights_memory(weights, weights_plan(tile_grid(out).count, in.channels, out.channels), out, threads);
  return std::max({forward.used(), backward.used(), weights.used()});
}

ODT_INLINE void winograd_forward(thread_pool& pool, const window& w, const const_tensor& x, const float* weights,
                                 const float* bias, const tensor& y, const batch_statistics* statistics,
                                 std::byte* scratch, const pending& finish, const float* packed) {
  using namespace detail::winograd;
  const tile_grid grid(y.extents());
  const chunk_plan plan(grid.count, x.channels);
  scratch_space space(scratch);
  const chunk_memory memory(space, plan, x.channels, y.channels, pool.size());
  if (!packed) pack_weights(pool, weights, x.channels, y.channels, memory.weights);
  chunk_target target{.from = x, .pad_top = w.pad_top, .pad_left = w.pad_left, .to = y, .bias = bias};
  target.finish = finish.none() ? nullptr : &finish;
  target.moments = statistics ? memory.moments : nullptr;
  multiply(pool, target, plan, packed ? packed : memory.weights, memory);
  if (!statistics) return;
  const auto size_of = [&](int chunk) { return static_cast<double>(pixels_of(grid, plan, chunk)); };
  join_moments(pool, memory.moments, plan.chunks, size_of, y.channels, *statistics);
}

ODT_INLINE void winograd_backward_data(thread_pool& pool, const window& w, const const_tensor& dy, const float* weights,
                                       const tensor& dx, bool accumulate, std::byte* scratch,
                                       const gradient_sums* sums) {
  using namespace detail::winograd;
  const chunk_plan plan(tile_grid(dx.extents()).count, dy.channels);
  scratch_space space(scratch);
  const chunk_memory memory(space, plan, dy.channels, dx.channels, pool.size());
  pack_turned_weights(pool, weights, dx.channels, dy.channels, memory.weights);
  chunk_target target{.from = dy, .pad_top = 2 - w.pad_top, .pad_left = 2 - w.pad_left, .to = dx};
  target.accumulate = accumulate;
  target.sums = sums, target.partial = memory.partial;
  multiply(pool, target, plan, memory.weights, memory);
  if (sums) join_gradient_sums(pool, *sums, memory.partial, plan.chunks);
}

}  // namespace ODT_ISA
}  // namespace odt::cpu
