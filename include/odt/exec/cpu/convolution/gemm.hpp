// SPDX-License-Identifier: MIT
// The register tile of a matrix product: a few rows of A times a panel of B, whole in registers. Convolutions
// are loops of packing around it.
#pragma once

#include <odt/exec/cpu/convolution/products.hpp>
#include <odt/exec/cpu/passes/gradient_sums.hpp>

#include <array>

namespace odt::cpu {
inline namespace ODT_ISA {

/// Columns of a full tile.
inline constexpr int tile_vectors = 2;
inline constexpr int tile_columns = tile_vectors * lanes;

/// A row of a packed block has at most `block_width` elements; rows lie `block_stride` elements apart, whose odd number
/// of cache lines keeps them apart in the L1 cache. In the order of columns, columns lie `column_stride` elements
/// apart.
inline constexpr int block_width = 256;
inline constexpr int block_stride = block_width + 16;
inline constexpr int column_stride = static_cast<int>(round_up(tile_rows, lanes));

/// What a tile does with what is in C.
enum class tile_start { overwrite, add };

/// Where a tile of C goes and what happens to it while it is in registers.
struct tile_output {
  float* const* rows = nullptr;  ///< where C's rows begin
  std::ptrdiff_t column = 0;     ///< the tile's first
  int columns = tile_columns;
  tile_start start = tile_start::overwrite;
  bool stream = false;                  ///< past the caches: rows are on cache lines and whole vectors wide
  const float* ahead = nullptr;         ///< what to ask for meanwhile, or null:
  std::ptrdiff_t ahead_step = 0;        ///< that many floats of it for each element of the depth
  bool first = false;                   ///< the tile begins its chunk: its sums begin with it
  const float* bias = nullptr;          ///< one a column of C, or null
  const pending* finish = nullptr;      ///< applied to what is stored, or null
  chunk_moments moments{};              ///< what is stored is added to them, where wanted
  const gradient_sums* sums = nullptr;  ///< what is stored is added to `gradients`, with the rows of z, where wanted
  chunk_gradient_sums gradients{};
  const float* const* raw = nullptr;
};

namespace detail {

/// Adds one vector of columns of a tile to the moments of its chunk.
template <int Rows, int Vectors>
[[gnu::always_inline]] inline void add_moments_of(const vec (&values)[Rows][Vectors], int j, const chunk_moments& chunk,
                                                  std::ptrdiff_t channel, std::ptrdiff_t rest, bool first) {
  float* const moments = chunk.at + channel;
  const vec shift = first ? values[0][j] : load_first(moments, rest);
  vec sum[2] = {vec(0.0f), vec(0.0f)}, square[2] = {vec(0.0f), vec(0.0f)};
  unroll<Rows>([&](auto i) __attribute__((always_inline)) {
    const vec apart = values[i][j] - shift;
    sum[i % 2] += apart;
    square[i % 2] = multiply_add(apart, apart, square[i % 2]);
  });
  vec all = sum[0] + sum[1], squares = square[0] + square[1];
  if (first) {
    store_first(moments, shift, rest);
  } else {
    all += load_first(moments + chunk.stride, rest);
    squares += load_first(moments + 2 * chunk.stride, rest);
  }
  store_first(moments + chunk.stride, all, rest);
  store_first(moments + 2 * chunk.stride, squares, rest);
}

/// A tile that may be a part of a sum, from registers to memory: `start` alone says how.
template <int Rows, int Vectors>
[[gnu::always_inline]] inline void add_columns(vec (&sums)[Rows][Vectors], const tile_output& out) {
  unroll<Vectors>([&](auto j) __attribute__((always_inline)) {
    const int rest = out.columns - j * lanes;
    const std::ptrdiff_t at = out.column + j * lanes;
    if (out.start == tile_start::add)
      unroll<Rows>([&](auto i) __attribute__((always_inline)) { sums[i][j] += load_first(out.rows[i] + at, rest); });
    unroll<Rows>([&](auto i) __attribute__((always_inline)) { store_first(out.rows[i] + at, sums[i][j], rest); });
  });
}

/// A tile from registers to memory.
template <int Rows, int Vectors>
[[gnu::always_inline]] inline void finish_columns(vec (&sums)[Rows][Vectors], const tile_output& out) {
  unroll<Vectors>([&](auto j) __attribute__((always_inline)) {
    const int rest = out.columns - j * lanes;
    const std::ptrdiff_t at = out.column + j * lanes;
    if (out.bias) {
      const vec bias = load_first(out.bias + at, rest);
      unroll<Rows>([&](auto i) __attribute__((always_inline)) { sums[i][j] += bias; });
    }
    if (out.start == tile_start::add)
      unroll<Rows>([&](auto i) __attribute__((always_inline)) { sums[i][j] += load_first(out.rows[i] + at, rest); });
    if (out.finish) {
      const vector_transform transform(*out.finish, at, rest);
      unroll<Rows>([&](auto i) __attribute__((always_inline)) { sums[i][j] = transform(sums[i][j]); });
    }
    if (out.stream)
      unroll<Rows>([&](auto i) __attribute__((always_inline)) { store_past_caches(out.rows[i] + at, sums[i][j]); });
    else
      unroll<Rows>([&](auto i) __attribute__((always_inline)) { store_first(out.rows[i] + at, sums[i][j], rest); });
    if (out.moments.at) add_moments_of<Rows, Vectors>(sums, j, out.moments, at, rest, out.first);
    if (!out.sums) return;
    gradient_adder adder(*out.sums, at, rest);
    unroll<Rows>([&](auto i)
                     __attribute__((always_inline)) { adder.add(sums[i][j], load_first(out.raw[i] + at, rest)); });
    adder.leave(out.gradients, at, rest, out.first);
  });
}

}  // namespace detail

/// C[i][0..columns) (+)= sum over k < depth of A[i][k] * B[k][0..columns), depth counted in elements. B is a panel of
/// `tile_columns` elements a row. The weights' gradient, whose A lies transposed, asks for nothing on the way.
template <class Product, tile_order Order, int Rows, int Vectors>
void multiply_tile(std::ptrdiff_t depth, const float* a, const float* b, const tile_output& out) {
  constexpr std::ptrdiff_t row_step = Order == tile_order::rows ? block_stride : 1;
  constexpr std::ptrdiff_t depth_step = Order == tile_order::rows ? 1 : column_stride;
  vec sums[Rows][Vectors];
  unroll<Rows>([&](auto i) { unroll<Vectors>([&](auto j) { sums[i][j] = vec(0.0f); }); });
  const float* ahead = out.ahead ? out.ahead : b;
  const std::ptrdiff_t ahead_step = out.ahead_step;
  for (std::ptrdiff_t k = 0; k < depth; ++k) {
    if constexpr (Order == tile_order::rows) __builtin_prefetch(ahead, 0, 2), ahead += ahead_step;
    vec right[Vectors];
    unroll<Vectors>([&](auto j) { right[j] = load(b + j * lanes); });
    unroll<Rows>([&](auto i) {
      const vec left(a[i * row_step]);
      unroll<Vectors>([&](auto j) { sums[i][j] = Product::multiply(left, right[j], sums[i][j]); });
    });
    a += depth_step;
    b += tile_columns;
  }
  if constexpr (Order == tile_order::columns)
    detail::add_columns<Rows, Vectors>(sums, out);
  else
    detail::finish_columns<Rows, Vectors>(sums, out);
}

using tile_function = void (*)(std::ptrdiff_t depth, const float* a, const float* b, const tile_output& out);

namespace detail {

template <class Product, tile_order Order, int Vectors, int... Rows>
constexpr auto tile_functions(std::integer_sequence<int, Rows...>) {
  return std::array<tile_function, sizeof...(Rows)>{&multiply_tile<Product, Order, Rows + 1, Vectors>...};
}

template <class Product, tile_order Order>
inline constexpr std::array<std::array<tile_function, tile_rows>, tile_vectors> tile_table = {
    tile_functions<Product, Order, 1>(std::make_integer_sequence<int, tile_rows>{}),
    tile_functions<Product, Order, 2>(std::make_integer_sequence<int, tile_rows>{})};

}  // namespace detail

/// The tile of that many rows (1..tile_rows) and columns (1..tile_columns).
template <class Product, tile_order Order>
tile_function tile_of(int rows, int columns) {
  return detail::tile_table<Product, Order>[columns > lanes ? 1u : 0u][static_cast<std::size_t>(rows - 1)];
}

/// Rows and columns of A and B as for multiply_tile; `rows` is at most Product::rows.
template <class Product, tile_order Order>
void multiply_rows(int rows, std::ptrdiff_t depth, const float* a, const float* b, const tile_output& out) {
  tile_of<Product, Order>(rows, out.columns)(depth, a, b, out);
}

/// `count` rows cut into tiles of nearly equal height: the first row of tile `i` of `tiles`.
template <class Product>
constexpr int tile_begin(int count, int tiles, int i) {
  const std::ptrdiff_t units = ceil_div(count, Product::row_unit) * i / tiles;
  return std::min(count, static_cast<int>(units) * Product::row_unit);
}

}  // namespace ODT_ISA
}  // namespace odt::cpu
