// SPDX-License-Identifier: MIT
// The left matrix of a convolution seen as a matrix product, never whole in memory: one row a pixel of a grid, one
// column a tap and channel; blocks of it are packed when they are needed.
#pragma once

#include <odt/exec/cpu/convolution/gemm.hpp>
#include <odt/exec/cpu/machine/transpose.hpp>

#include <cstdint>

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
  const std::int32_t* chosen = nullptr;  ///< the grid positions that are rows, in order; null: all
  std::ptrdiff_t chosen_count = 0;

  std::ptrdiff_t rows() const { return chosen ? chosen_count : std::ptrdiff_t{1} * source.batch * y.size * x.size; }
  std::ptrdiff_t depth() const { return std::ptrdiff_t{1} * y.taps * x.taps * source.channels; }

  grid_cursor position(std::ptrdiff_t at) const {
    const std::ptrdiff_t line = at / x.size;
    return {static_cast<int>(line / y.size), static_cast<int>(line % y.size), static_cast<int>(at % x.size)};
  }
  void advance(grid_cursor& c) const {
    if (++c.x < x.size) return;
    c.x = 0;
    if (++c.y < y.size) return;
    c.y = 0;
    ++c.image;
  }
  /// The positions of `count` rows from `row` on.
  void positions(std::ptrdiff_t row, int count, grid_cursor* to) const {
    if (chosen) {
      for (int r = 0; r < count; ++r) to[r] = position(chosen[row + r]);
    } else {
      grid_cursor at = position(row);
      for (int r = 0; r < count; ++r, advance(at)) to[r] = at;
    }
  }
  /// Whether row r reads source pixel r alone and whole, as in a 1x1 convolution of stride 1.
  bool pointwise() const {
    const auto same = [](const gather_axis& a) {
      return a.taps == 1 && a.step == 1 && a.offset == 0 && a.size == a.source;
    };
    return same(y) && same(x);
  }
};

/// Reads the same columns [first, last) of one row after another as floats, the source's transform applied.
class row_reader {
 public:
  /// At most this many columns.
  static constexpr int most_columns = 2 * block_width;

  row_reader(const gather& g, std::ptrdiff_t first, std::ptrdiff_t last)
      : g_(g), first_(first), columns_(last - first), pointwise_(g.pointwise()) {
    if (pointwise_) return;
    find_runs(first, last);
    const auto vector = [](const run& r) { return r.end - r.begin <= lanes; };
    short_ = g.source.transform.none() && span_ == g.x.taps && std::all_of(runs_, runs_ + count_, vector);
    const const_tensor& s = g.source;
    end_ = s.pixel(s.batch - 1, s.height - 1, s.width - 1) + s.channels;
  }

  /// May write up to lanes-1 floats beyond the columns.
  void read(const grid_cursor& at, float* to) const {
    const const_tensor& s = g_.source;
    if (pointwise_) return copy_channels(to, s.pixel(at.image, at.y, at.x) + first_, columns_, s.transform, first_);
    const int y = at.y * g_.y.step + g_.y.offset, x = at.x * g_.x.step + g_.x.offset;
    const float* const origin =
        s.data + at.image * s.image_stride + (std::ptrdiff_t{1} * y * s.width + x) * s.pixel_stride;
    if (short_ && inside(y, x)) {
      const bool whole = origin + runs_[count_ - 1].from + lanes <= end_;  // masked loads are slower
      for (const run* r = runs_; r < runs_ + count_; ++r)
        store(to + r->to, whole ? load(origin + r->from) : load_first(origin + r->from, r->end - r->begin));
      return;
    }
    for (int i = 0; i < count_; ++i) {
      const run& r = runs_[i];
      const int left = x + r.x;
      if (y + r.y < 0 || y + r.y >= g_.y.source)
        zero_channels(to + r.to, r.end - r.begin);
      else if (left >= 0 && left + span_ <= g_.x.source)
        copy_channels(to + r.to, origin + r.from, r.end - r.begin, s.transform, r.begin);
      else
        read_at_border(r, left, origin, to + r.to);
    }
  }

 private:
  /// Columns that lie together in a row and in the source: some channels of a tap, or of several taps along a line.
  struct run {
    int y, x;                   ///< the first tap's place, from that of the row's tap 0
    std::ptrdiff_t begin, end;  ///< channels, counted through the taps of the run
    std::ptrdiff_t from, to;    ///< of channel `begin`, from the source's pixel at tap 0 and in the row
  };

  /// Whether whole lines of taps lie inside the image.
  bool inside(int y, int x) const {
    return y + runs_[0].y >= 0 && y + runs_[count_ - 1].y < g_.y.source && x >= 0 && x + span_ <= g_.x.source;
  }

  void find_runs(std::ptrdiff_t first, std::ptrdiff_t last) {
    const const_tensor& s = g_.source;
    // Taps along a line whose pixels touch are one run, unless the transform differs by channel.
    const bool touching = g_.x.delta == 1 && s.pixel_stride == s.channels && !s.transform.scale;
    span_ = touching ? g_.x.taps : 1;
    const std::ptrdiff_t width = std::ptrdiff_t{span_} * s.channels;
    const int in_line = span_ > 0 ? g_.x.taps / span_ : 0;
    for (std::ptrdiff_t at = first; at < last;) {
      const std::ptrdiff_t index = at / width, begin = at % width, end = std::min(width, begin + last - at);
      const int y = static_cast<int>(index / in_line) * g_.y.delta;
      const int x = static_cast<int>(index % in_line) * g_.x.delta;
      const std::ptrdiff_t pixel = (std::ptrdiff_t{1} * y * s.width + x) * s.pixel_stride;
      runs_[count_++] = {y, x, begin, end, pixel + begin, at - first};
      at += end - begin;
    }
  }

  void read_at_border(const run& r, int left, const float* origin, float* to) const {
    const std::ptrdiff_t channels = g_.source.channels;
    const std::ptrdiff_t from = std::clamp<std::ptrdiff_t>(-left * channels, r.begin, r.end);
    const std::ptrdiff_t upto = std::clamp((g_.x.source - left) * channels, from, r.end);
    if (r.begin < from) zero_channels(to, from - r.begin);
    if (from < upto)
      copy_channels(to + (from - r.begin), origin + r.from + (from - r.begin), upto - from, g_.source.transform, from);
    if (upto < r.end) zero_channels(to + (upto - r.begin), r.end - upto);
  }

  const gather& g_;
  std::ptrdiff_t first_, columns_;
  bool pointwise_;
  bool short_ = false;          ///< runs are whole lines of taps, no longer than a vector, without a transform
  const float* end_ = nullptr;  ///< of the source
  int span_ = 1, count_ = 0;
  run runs_[most_columns];
};

/// A row of a packed block from `width` floats. May write the 2*lanes floats behind them.
template <class Product>
void pack_row(float* row, std::ptrdiff_t width, float* to) {
  if constexpr (Product::depth == 1) {
    for (std::ptrdiff_t i = 0; i < width; i += lanes) store(to + i, Product::round(load(row + i)));
  } else {
    const std::ptrdiff_t end = round_up(Product::depth * elements<Product>(width), 2 * lanes);
    zero_channels(row + round_up(width, lanes), end - round_up(width, lanes));
    if (width % lanes != 0) store(row + width / lanes * lanes, load_first(row + width / lanes * lanes, width % lanes));
    for (std::ptrdiff_t i = 0; i < end; i += 2 * lanes)
      store(to + i / 2, Product::join(load(row + i), load(row + i + lanes)));
  }
}

/// Whether a row of floats is a packed one as it is.
template <class Product>
inline constexpr bool packs_as_is = std::is_same_v<Product, fp32_product>;

/// Packs columns [first, last) of the rows at `positions` into rows `block_stride` elements apart.
template <class Product>
void pack_rows(const gather& g, const grid_cursor* positions, int count, std::ptrdiff_t first, std::ptrdiff_t last,
               float* block) {
  const row_reader reader(g, first, last);
  [[maybe_unused]] alignas(64) float row[Product::depth * block_width + 2 * lanes];
  for (int r = 0; r < count; ++r, block += block_stride) {
    if constexpr (packs_as_is<Product>) {
      reader.read(positions[r], block);
    } else {
      reader.read(positions[r], row);
      pack_row<Product>(row, last - first, block);
    }
  }
}

/// Packs columns [first, last) of the rows at `positions`, transposed: tiles of nearly equal height one after another,
/// each with elements(count) columns of `column_stride` elements. The sum of the product runs over the rows.
template <class Product>
void pack_columns(const gather& g, const grid_cursor* positions, int count, std::ptrdiff_t first, std::ptrdiff_t last,
                  int tiles, float* block) {
  const row_reader reader(g, first, last);
  // Two in turn: what was just written cannot be read at other offsets without a wait.
  alignas(64) float rows[2][Product::depth][block_width + column_stride + lanes] = {};
  const std::ptrdiff_t tile_size = elements<Product>(count) * column_stride;
  const int height = static_cast<int>(last - first);
  int begins[ceil_div(block_width, Product::rows)];
  for (int t = 0; t < tiles; ++t) begins[t] = tile_begin<Product>(height, tiles, t);
  const auto read = [&](int r) {
    for (int d = 0; d < Product::depth; ++d) {
      float* const to = rows[r / Product::depth % 2][d];
      r + d < count ? reader.read(positions[r + d], to) : zero_channels(to, height);
    }
  };
  if (count > 0) read(0);
  for (int r = 0; r < count; r += Product::depth, block += column_stride) {
    if (r + Product::depth < count) read(r + Product::depth);
    const auto& row = rows[r / Product::depth % 2];
    for (int t = 0; t < tiles; ++t)
      for (int v = 0; v < column_stride; v += lanes) {
        float* const to = block + t * tile_size + v;
        const int from = begins[t] + v;
        if constexpr (Product::depth == 1)
          store(to, Product::round(load(row[0] + from)));
        else
          store(to, Product::pair(load(row[0] + from), load(row[1] + from)));
      }
  }
}

/// Packs columns [first, last) of the rows at `positions`, transposed, into rows `block_stride` elements apart, each of
/// elements(count) pairs. The sum of the product runs over the rows. Writes whole squares of `lanes` elements.
template <class Product>
void pack_turned(const gather& g, const grid_cursor* positions, int count, std::ptrdiff_t first, std::ptrdiff_t last,
                 float* block) {
  static_assert(Product::depth == 2 && Product::step % lanes == 0);
  const row_reader reader(g, first, last);
  alignas(64) float rows[2][block_width + lanes] = {}, pairs[lanes][block_stride];
  const std::ptrdiff_t height = last - first, depth = elements<Product>(count);
  for (std::ptrdiff_t k = 0; k < depth; k += lanes) {
    for (std::ptrdiff_t p = 0; p < lanes; ++p) {
      for (std::ptrdiff_t d = 0, r = 2 * (k + p); d < 2; ++d, ++r)
        r < count ? reader.read(positions[r], rows[d]) : zero_channels(rows[d], height);
      for (std::ptrdiff_t i = 0; i < height; i += lanes)
        store(pairs[p] + i, Product::pair(load(rows[0] + i), load(rows[1] + i)));
    }
    for (std::ptrdiff_t i = 0; i < height; i += lanes) {
      detail::vector_register square[lanes];
      unroll<lanes>([&](auto p) { square[p] = load(pairs[p] + i); });
      detail::transpose(square);
      unroll<lanes>([&](auto j) { store(block + (i + j) * block_stride + k, vec(square[j])); });
    }
  }
}

/// Elements of a packed right matrix that suffice for every kind of product.
constexpr std::ptrdiff_t panels_size(std::ptrdiff_t depth, std::ptrdiff_t columns) {
  constexpr int most_step = 16;
  return round_up(depth, most_step) * round_up(columns, tile_columns);
}

/// Zeros in the rows of the panels that are padding.
template <class Product>
void zero_panel_rows(std::ptrdiff_t depth, std::ptrdiff_t columns, float* panels) {
  const std::ptrdiff_t all = elements<Product>(depth), used = ceil_div(depth, Product::depth);
  if constexpr (Product::step > 1)
    for (std::ptrdiff_t c = 0; c < columns; c += tile_columns, panels += all * tile_columns)
      std::fill(panels + used * tile_columns, panels + all * tile_columns, 0.0f);
}

/// Packs rows [first, last) of a right matrix of `columns` columns into panels of `tile_columns` columns and
/// elements(depth) rows, zeros beyond the matrix; row(k) is where row k begins. `first` is a multiple of
/// Product::depth.
template <class Product, class Row>
void pack_panels(const Row& row, std::ptrdiff_t first, std::ptrdiff_t last, std::ptrdiff_t depth,
                 std::ptrdiff_t columns, float* panels) {
  const std::ptrdiff_t panel_size = elements<Product>(depth) * tile_columns;
  for (std::ptrdiff_t k = first; k < last; k += Product::depth) {
    const float* from = row(k);
    [[maybe_unused]] const float* next = nullptr;
    if constexpr (Product::depth == 2) next = k + 1 < last ? row(k + 1) : nullptr;
    float* to = panels + k / Product::depth * tile_columns;
    for (std::ptrdiff_t c = 0; c < columns; c += tile_columns, to += panel_size)
      unroll<tile_vectors>([&](auto j) {
        const std::ptrdiff_t at = c + j * lanes, rest = columns - at;
        const vec value = rest > 0 ? load_first(from + at, rest) : vec(0.0f);
        if constexpr (Product::depth == 1)
          store(to + j * lanes, Product::round(value));
        else
          store(to + j * lanes, Product::pair(value, next && rest > 0 ? load_first(next + at, rest) : vec(0.0f)));
      });
  }
  if (last == depth) zero_panel_rows<Product>(depth, columns, panels);
}

}  // namespace ODT_ISA
}  // namespace odt::cpu
