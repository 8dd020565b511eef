// SPDX-License-Identifier: MIT
// What the losses over rows of predictions share: a row is the logits, or the code of the box, of one anchor or
// proposal; one lane of a vector holds one row.
#pragma once

#include <odt/exec/cpu/machine/simd.hpp>
#include <odt/exec/cpu/machine/transpose.hpp>
#include <odt/loss.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <numeric>

namespace odt::cpu {
inline namespace ODT_ISA {

namespace detail {

/// Up to `lanes` anchors of the batch that are worked on together, by their rows in [batch, anchors].
struct anchor_group {
  std::array<std::ptrdiff_t, lanes> rows{};
  int count = 0;

  void add(std::ptrdiff_t row) { rows[static_cast<std::size_t>(count++)] = row; }
  bool full() const { return count == lanes; }
  /// Lanes beyond the count repeat the last anchor.
  std::ptrdiff_t row(int lane) const { return rows[static_cast<std::size_t>(std::min(lane, count - 1))]; }
};

/// One number of every anchor.
template <class T>
vec load_group(const T* from, const anchor_group& group) {
  alignas(64) float part[lanes];
  for (int a = 0; a < lanes; ++a) part[a] = static_cast<float>(from[group.row(a)]);
  return vec::load_aligned(part);
}

/// `to` begins with the batch's row `first`.
inline void store_group(float* to, const vec& value, const anchor_group& group, std::ptrdiff_t first = 0) {
  alignas(64) float part[lanes];
  value.store_aligned(part);
  for (int a = 0; a < group.count; ++a) to[group.row(a) - first] = part[a];
}

/// The sum over the rows of a group, in their order.
inline double sum_of_group(const vec& value, int count) {
  alignas(64) float part[lanes];
  value.store_aligned(part);
  double sum = 0;
  for (int a = 0; a < count; ++a) sum += static_cast<double>(part[a]);
  return sum;
}

/// Turns the anchors' rows into columns of vectors: tile[column] holds one number of every anchor.
inline void load_rows(const float* from, const anchor_group& group, int columns, float* tile) {
  rows_to_columns([&](int lane) { return from + group.row(lane) * columns; }, columns, tile);
}

inline void store_rows(const float* tile, const anchor_group& group, int columns, float* to) {
  columns_to_rows(tile, columns, group.count, [&](int lane) { return to + group.row(lane) * columns; });
}

/// Costs of the anchors' rows; gradients, times `scale`, are written where wanted. In the tile, they take the
/// predictions' places.
template <loss L, class Target>
vec rows_cost(const L& how, const float* predictions, const anchor_group& group, int columns, const vec& weights,
              float scale, const Target& target, float* gradient, float* tile) {
  load_rows(predictions, group, columns, tile);
  const auto element = [&](int c) { return loss_element<vec>{vec::load_aligned(tile + c * lanes), target(c)}; };
  if (!gradient) return row_cost<vec>(how, columns, weights, element, [](int, const vec&) {});
  const vec factor(scale);
  const vec cost = row_cost<vec>(how, columns, weights, element,
                                 [&](int c, const vec& g) { vec(g * factor).store_aligned(tile + c * lanes); });
  store_rows(tile, group, columns, gradient);
  return cost;
}

/// The sum of `count` terms in double, in an order that their number fixes: many sums side by side, then joined.
template <class Term>
double total(std::size_t count, const Term& term) {
  constexpr std::size_t width = 16;
  double sums[width] = {};
  const std::size_t whole = count / width * width;
  for (std::size_t i = 0; i < whole; i += width)
    for (std::size_t k = 0; k < width; ++k) sums[k] += static_cast<double>(term(i + k));
  for (std::size_t i = whole; i < count; ++i) sums[i - whole] += static_cast<double>(term(i));
  return std::accumulate(sums, sums + width, 0.0);
}

}  // namespace detail

}  // namespace ODT_ISA
}  // namespace odt::cpu
