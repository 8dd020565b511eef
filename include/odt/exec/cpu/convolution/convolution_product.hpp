// SPDX-License-Identifier: MIT
// Convolutions forward and in the data's direction, for one kind of product.
#pragma once

#include <odt/core/error.hpp>
#include <odt/exec/cpu/convolution/active_pixels.hpp>
#include <odt/exec/cpu/convolution/amx.hpp>
#include <odt/exec/cpu/convolution/convolution_plan.hpp>
#include <odt/exec/cpu/machine/caches.hpp>

namespace odt::cpu {
inline namespace ODT_ISA {

namespace detail::conv {

/// Where the product goes and what is done with it on the way.
struct product_target {
  tensor to;
  const float* bias = nullptr;
  bool accumulate = false;
  const pending* finish = nullptr;
  float* moments = nullptr;             ///< chunks x 3 x sums_stride floats, or null
  const gradient_sums* sums = nullptr;  ///< with `partial`, or null
  float* partial = nullptr;             ///< gradient_sums_size(channels, chunks) floats
};

/// Packs a product's rows from the source of a gather.
template <class Product>
struct gathered_rows {
  const gather& from;

  /// Columns [first, last) of the rows at `positions`, `block_stride` elements apart.
  void operator()(const grid_cursor* positions, int count, std::ptrdiff_t first, std::ptrdiff_t last,
                  float* block) const {
    pack_rows<Product>(from, positions, count, first, last, block);
  }
  bool can_be_asked_for() const { return from.pointwise() && !from.chosen; }
};

/// One job: a chunk of rows times a group of panels. `Rows` packs what the gather describes.
template <class Product, class Rows>
class chunk_product {
 public:
  chunk_product(const gather& a, const Rows& rows, const float* panels, const product_target& target,
                const product_plan& plan, int job, float* block)
      : a_(a), pack_(rows), panels_(panels), target_(target), plan_(plan), chunk_(job / plan.groups), block_(block) {
    first_row_ = plan.first_row(chunk_);
    rows_ = plan.chunk_size(chunk_);
    tiles_ = static_cast<int>(ceil_div(rows_, Product::rows));
    tiles_at_once_ =
        static_cast<int>(std::clamp<std::ptrdiff_t>(half_l2_floats() / (Product::rows * block_stride), 1, tiles_));
    first_panel_ = plan.first_panel(job % plan.groups), last_panel_ = plan.first_panel(job % plan.groups + 1);
    depth_ = a.depth();
    blocks_ = std::max<std::ptrdiff_t>(1, ceil_div(depth_, Product::depth * block_width));
    stream_ = !target.accumulate && blocks_ == 1 && worth_streaming(target.to);
    a.positions(first_row_, rows_, positions_);
    const tensor& to = target.to;
    for (int r = 0; r < rows_; ++r) {
      const int y = positions_[r].y * a.y.target_step + a.y.target_offset;
      const int x = positions_[r].x * a.x.target_step + a.x.target_offset;
      pixels_[r] = to.pixel(positions_[r].image, y, x);
      if (target.sums) raw_[r] = target.sums->z.pixel(positions_[r].image, y, x);
    }
  }

  void run() {
    [[maybe_unused]] const typename Product::session session;
    for (int tile = 0; tile < tiles_; tile += tiles_at_once_) {
      const tile_range tiles{tile, std::min(tile + tiles_at_once_, tiles_), top_of(tile),
                             top_of(std::min(tile + tiles_at_once_, tiles_))};
      for (std::ptrdiff_t b = 0; b < blocks_; ++b) {
        pack_(positions_ + tiles.top, tiles.bottom - tiles.top, edge(b), edge(b + 1), block_);
        row_prefetch next = next_block(b, tiles);
        for (int j = first_panel_; j < last_panel_; ++j) multiply_panel(j, b, tiles, next);
      }
    }
    if (stream_) finish_stores();
  }

 private:
  /// Tiles whose rows are in the L2 cache together.
  struct tile_range {
    int first, last, top, bottom;
  };

  int top_of(int tile) const { return tile_begin<Product>(rows_, tiles_, tile); }

  std::ptrdiff_t edge(std::ptrdiff_t block) const {
    constexpr int unit = std::max(lanes, Product::depth * Product::step);
    return std::min(depth_, round_up(piece(depth_, blocks_, block), unit));
  }

  row_prefetch next_block(std::ptrdiff_t b, const tile_range& tiles) const {
    const bool here = b + 1 < blocks_;
    const std::ptrdiff_t row = first_row_ + (here ? tiles.top : tiles.bottom);
    const std::ptrdiff_t chunk_end =
        tiles.last < tiles_ || chunk_ + 1 >= plan_.chunks ? first_row_ + rows_ : plan_.first_row(chunk_ + 2);
    const std::ptrdiff_t end = here ? first_row_ + tiles.bottom : std::min(chunk_end, row + (tiles.bottom - tiles.top));
    const std::ptrdiff_t block = here ? b + 1 : 0;
    return {a_.source,
            pack_.can_be_asked_for(),
            row,
            end,
            edge(block),
            edge(block + 1),
            std::ptrdiff_t{1} * (tiles.last - tiles.first) * (last_panel_ - first_panel_)};
  }

  void multiply_panel(int j, std::ptrdiff_t b, const tile_range& tiles, row_prefetch& next) const {
    const std::ptrdiff_t first = edge(b) / Product::depth, depth = elements<Product>(edge(b + 1)) - first;
    const int column = j * tile_columns, columns = std::min(tile_columns, target_.to.channels - column);
    const float* panel = panels_ + (j * elements<Product>(depth_) + first) * tile_columns;
    const bool done = b + 1 == blocks_;
    tile_output out{.column = column, .columns = columns};
    out.start = b > 0 || target_.accumulate ? tile_start::add : tile_start::overwrite;
    out.bias = b == 0 ? target_.bias : nullptr;
    out.finish = done ? target_.finish : nullptr;
    const std::ptrdiff_t stride = sums_stride(target_.to.channels);
    if (done && target_.moments) out.moments = {target_.moments + 3 * stride * chunk_, stride};
    if (done && target_.sums) {
      out.sums = target_.sums;
      out.gradients = gradient_sums_chunk(target_.partial, target_.to.channels, chunk_);
    }
    out.stream = stream_;
    // Each tile asks for its share of the next panel: more at once than caches behind L2 deliver would hold it up.
    out.ahead_step = ceil_div(tile_columns, tiles.last - tiles.first);
    const float* const next_panel = panel + elements<Product>(depth_) * tile_columns;
    for (int i = tiles.first; i < tiles.last; ++i) {
      const int top = top_of(i), height = top_of(i + 1) - top;
      next();
      out.rows = pixels_ + top;
      out.raw = raw_ + top;
      out.first = i == 0;
      ask_for_output(out, height);
      const std::ptrdiff_t asked = (i - tiles.first) * out.ahead_step;
      const bool more = j + 1 < last_panel_ && asked < tile_columns;
      out.ahead = more ? next_panel + asked * depth : nullptr;
      multiply_rows<Product, tile_order::rows>(height, depth, block_ + std::ptrdiff_t{top - tiles.top} * block_stride,
                                               panel, out);
    }
  }

  /// What the end of a tile reads and writes comes from memory while the tile is multiplied, into L2: rows of channels
  /// lie powers of two apart, and would push each other and the panel out of an L1 cache of 32 kB. (Inlined by force:
  /// gcc 12 drops calls of a function that does nothing but ask.)
  [[gnu::always_inline]] static void ask_for_output(const tile_output& out, int rows) {
    constexpr int line = 16;
    for (int r = 0; r < rows; ++r)
      for (int c = 0; c < out.columns; c += line) {
        if (!out.stream) __builtin_prefetch(out.rows[r] + out.column + c, 0, 2);
        if (out.sums) __builtin_prefetch(out.raw[r] + out.column + c, 0, 2);
      }
  }

  const gather& a_;
  const Rows& pack_;
  const float* panels_;
  const product_target& target_;
  const product_plan& plan_;
  bool stream_ = false;
  int chunk_, rows_ = 0, tiles_ = 0, tiles_at_once_ = 1, first_panel_ = 0, last_panel_ = 0;
  std::ptrdiff_t first_row_ = 0, depth_ = 0, blocks_ = 1;
  float* block_;
  grid_cursor positions_[chunk_rows];
  float* pixels_[chunk_rows];
  const float* raw_[chunk_rows];
};

template <class Product>
void multiply(thread_pool& pool, const gather& a, const float* panels, const product_target& target, float* blocks) {
  const product_plan plan(a.rows(), target.to.channels, a.depth());
  if (plan.rows == 0) return;
  pool.run(plan.jobs(), [&](int job, int thread) {
    const gathered_rows<Product> rows{a};
    chunk_product<Product, gathered_rows<Product>>(a, rows, panels, target, plan, job, blocks + thread * block_floats)
        .run();
  });
}

template <class Product>
void pack_weights(thread_pool& pool, const float* weights, std::ptrdiff_t depth, std::ptrdiff_t columns,
                  float* panels) {
  constexpr std::ptrdiff_t part = 64;
  pool.run(static_cast<int>(ceil_div(depth, part)), [&](int job, int) {
    pack_panels<Product>([&](std::ptrdiff_t k) { return weights + k * columns; }, job * part,
                         std::min(depth, (job + 1) * part), depth, columns, panels);
  });
}

/// The weights of the taps of a phase, input and output channels exchanged: a panel is `tile_columns` input channels
/// wide. Every tap begins with an element of its own: where it is a pair, taps have an even count of channels.
template <class Product>
void pack_transposed(thread_pool& pool, const window& w, const gather& a, const float* weights, int in, int out,
                     float* panels) {
  const int taps = a.y.taps * a.x.taps;
  const std::ptrdiff_t panel_size = elements<Product>(a.depth()) * tile_columns;
  pool.run(static_cast<int>(ceil_div(in, tile_columns)) * taps, [&](int job, int) {
    const int j = job / taps, t = job % taps, first = j * tile_columns, width = std::min(tile_columns, in - first);
    const int ky = a.y.first_tap + t / a.x.taps * a.y.tap_step, kx = a.x.first_tap + t % a.x.taps * a.x.tap_step;
    const float* from = weights + ((std::ptrdiff_t{1} * ky * w.kernel_width + kx) * in + first) * out;
    float* panel = panels + j * panel_size + std::ptrdiff_t{1} * t * (out / Product::depth) * tile_columns;
    alignas(64) float rows[tile_columns][lanes] = {};
    for (int k = 0; k < out; k += Product::depth * lanes) {
      for (int i = 0; i < width; ++i) {
        const float* row = from + std::ptrdiff_t{i} * out + k;
        if constexpr (Product::depth == 1)
          store(rows[i], Product::round(load_first(row, out - k)));
        else
          store(rows[i], Product::join(load_first(row, out - k),
                                       out - k > lanes ? load_first(row + lanes, out - k - lanes) : vec(0.0f)));
      }
      const int count = static_cast<int>(ceil_div(std::min(out - k, Product::depth * lanes), Product::depth));
      float* to = panel + std::ptrdiff_t{k / Product::depth} * tile_columns;
      for (int i = 0; i < tile_columns; i += lanes) {
        detail::vector_register square[lanes];
        unroll<lanes>([&](auto r) { square[r] = load(rows[i + r]); });
        detail::transpose(square);
        unroll<lanes>([&](auto o) {
          if (o < count) store(to + o * tile_columns + i, vec(square[o]));
        });
      }
    }
  });
  zero_panel_rows<Product>(a.depth(), in, panels);
}

/// Zeros, without touching what lies between the pixels.
inline void clear(thread_pool& pool, const tensor& t) {
  pool.run(t.batch * t.height, [&](int line, int) {
    for (int x = 0; x < t.width; ++x) std::fill_n(t.pixel(line / t.height, line % t.height, x), t.channels, 0.0f);
  });
}

template <class Product>
void forward(thread_pool& pool, const window& w, const const_tensor& x, const float* weights, const float* bias,
             const tensor& y, const batch_statistics* statistics, std::byte* scratch, const pending& finish,
             const float* packed = nullptr) {
  scratch_space space(scratch);
  const forward_memory memory(space, w, x.extents(), y.extents(), pool.size());
  const gather a = forward_gather(w, x, y.extents());
  const product_target target{.to = y,
                              .bias = bias,
                              .finish = finish.none() ? nullptr : &finish,
                              .moments = statistics ? memory.moments : nullptr};
  if (!packed) pack_weights<Product>(pool, weights, a.depth(), y.channels, memory.panels);
  multiply<Product>(pool, a, packed ? packed : memory.panels, target, memory.blocks);
  if (!statistics) return;
  const product_plan plan(a.rows(), y.channels, a.depth());
  join_moments(
      pool, memory.moments, plan.chunks, [&](int chunk) { return static_cast<double>(plan.chunk_size(chunk)); },
      y.channels, *statistics);
}

template <class Product>
void backward_data(thread_pool& pool, const window& w, const const_tensor& dy, const float* weights, const tensor& dx,
                   bool accumulate, std::byte* scratch, const gradient_sums* sums, gradient_kind kind) {
  if constexpr (Product::depth > 1)
    if (w.kernel_height * w.kernel_width > 1 && dy.channels % Product::depth != 0)
      return backward_data<fp32_product>(pool, w, dy, weights, dx, accumulate, scratch, sums, kind);
  scratch_space space(scratch);
  const backward_memory memory(space, w, dx.extents(), dy.extents(), pool.size());
  const bool sparse = kind == gradient_kind::sparse && w.stride_height == 1 && w.stride_width == 1;
  if (sparse && sums) fail("conv_backward_data: sums need a dense gradient");
  if (sparse) mark_active(pool, dy, memory.marks);
  if (sparse && !accumulate) clear(pool, dx);
  int chunks = 0;
  each_phase(w, dx.extents(), dy.extents(), [&](const gather_axis& y, const gather_axis& x) {
    gather a{dy, y, x};
    if (a.depth() == 0 && accumulate && !sums) return;
    if (sparse) a.chosen = memory.list, a.chosen_count = list_reached(a, memory.marks, memory.reached, memory.list);
    product_target target{.to = dx, .accumulate = accumulate, .sums = sums};
    target.partial = memory.partial + gradient_sums_size(dx.channels, chunks);
    pack_transposed<Product>(pool, w, a, weights, dx.channels, dy.channels, memory.panels);
    multiply<Product>(pool, a, memory.panels, target, memory.blocks);
    chunks += product_plan(a.rows(), dx.channels, a.depth()).chunks;
  });
  if (sums) join_gradient_sums(pool, *sums, memory.partial, chunks);
}

}  // namespace detail::conv

}  // namespace ODT_ISA
}  // namespace odt::cpu
