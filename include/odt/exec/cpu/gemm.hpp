// SPDX-License-Identifier: MIT
// The register tile of a matrix product: a few rows of A times a panel of B, whole in registers. Convolutions
// are loops of packing around it.
#pragma once

#include <odt/exec/cpu/vector_tools.hpp>

#include <array>

namespace odt::cpu {
inline namespace ODT_ISA {

/// Rows and columns of a full register tile: as many accumulators as the registers hold beside two vectors of B and
/// one broadcast element of A.
#if defined(__AVX512F__) || (defined(__ARM_NEON) && defined(__aarch64__))
inline constexpr int tile_rows = 14;
#else
inline constexpr int tile_rows = 6;
#endif
inline constexpr int tile_vectors = 2;
inline constexpr int tile_columns = tile_vectors * lanes;

/// A packed block of A has rows of this many floats, at most `block_width` of them in use. The odd number of cache
/// lines keeps rows apart in the L1 cache.
inline constexpr int block_width = 256;
inline constexpr int block_stride = block_width + 16;

/// What a tile does with what is in C.
enum class tile_start { overwrite, add };

/// Which way a packed block of A lies: rows of A along its rows, or along its columns (A transposed).
enum class tile_order { rows, columns };

/// C[i][0..columns) (+)= sum over k < depth of A[i][k] * B[k][0..columns) + bias. B is a panel of `tile_columns` floats
/// a row, C is given by pointers to its rows; bias may be null.
using tile_function = void (*)(std::ptrdiff_t depth, const float* a, const float* b, float* const* c,
                               std::ptrdiff_t column, int columns, tile_start start, const float* bias);

template <tile_order Order, int Rows, int Vectors>
void multiply_tile(std::ptrdiff_t depth, const float* a, const float* b, float* const* c, std::ptrdiff_t column,
                   int columns, tile_start start, const float* bias) {
  constexpr std::ptrdiff_t row_step = Order == tile_order::rows ? block_stride : 1;
  constexpr std::ptrdiff_t depth_step = Order == tile_order::rows ? 1 : block_stride;
  vec sums[Rows][Vectors];
  unroll<Rows>([&](auto i) { unroll<Vectors>([&](auto j) { sums[i][j] = vec(0.0f); }); });
  for (std::ptrdiff_t k = 0; k < depth; ++k) {
    vec right[Vectors];
    unroll<Vectors>([&](auto j) { right[j] = load(b + j * lanes); });
    unroll<Rows>([&](auto i) {
      const vec left(a[i * row_step]);
      unroll<Vectors>([&](auto j) { sums[i][j] = multiply_add(left, right[j], sums[i][j]); });
    });
    a += depth_step;
    b += tile_columns;
  }
  unroll<Vectors>([&](auto j) {
    const int rest = columns - j * lanes;
    const vec offset = bias ? load_first(bias + column + j * lanes, rest) : vec(0.0f);
    unroll<Rows>([&](auto i) {
      float* to = c[i] + column + j * lanes;
      vec value = sums[i][j];
      if (bias) value += offset;
      if (start == tile_start::add) value += load_first(to, rest);
      store_first(to, value, rest);
    });
  });
}

namespace detail {

template <tile_order Order, int Vectors, int... Rows>
constexpr auto tile_functions(std::integer_sequence<int, Rows...>) {
  return std::array<tile_function, sizeof...(Rows)>{&multiply_tile<Order, Rows + 1, Vectors>...};
}

template <tile_order Order>
inline constexpr std::array<std::array<tile_function, tile_rows>, tile_vectors> tile_table = {
    tile_functions<Order, 1>(std::make_integer_sequence<int, tile_rows>{}),
    tile_functions<Order, 2>(std::make_integer_sequence<int, tile_rows>{})};

}  // namespace detail

/// The tile of that many rows (1..tile_rows) and columns (1..tile_columns).
template <tile_order Order>
tile_function tile_of(int rows, int columns) {
  return detail::tile_table<Order>[columns > lanes ? 1u : 0u][static_cast<std::size_t>(rows - 1)];
}

/// `count` rows cut into tiles of nearly equal height: the first row of tile `i` of `tiles`.
constexpr int tile_begin(int count, int tiles, int i) {
  return static_cast<int>(static_cast<std::ptrdiff_t>(count) * i / tiles);
}

}  // namespace ODT_ISA
}  // namespace odt::cpu
