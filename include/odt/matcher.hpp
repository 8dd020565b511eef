// SPDX-License-Identifier: MIT
// A matcher decides, from the similarities of ground-truth boxes (rows) and anchors (columns) of one image, which
// row each column stands for, if any. It neither computes similarities nor builds targets.
// A match is a row's number, `unmatched` (background) or `ignored` (neither: no loss).
//
// A matcher is one of two kinds.
// column_matcher: per element plus declared folds, so that a launcher may fuse it with the similarity:
//   T decide(T largest, T row) const              the match of a column whose largest similarity is in `row`, the
//                                                 lowest such row, as a whole number in T: float, double, SIMD batch
//   bool forces_rows() const                      whether then each valid row takes the column that it resembles
//                                                 most (the lowest such column; of rows that want one, the lowest)
// image_matcher: serial per image:
//   static constexpr std::size_t scratch(int rows)                                    ints of scratch that it wants
//   void match(similarity_matrix, span<const uint8_t> valid, span<int> matches, span<int> scratch) const
//                                                 constexpr, for nvcc
// Laws: a match is `ignored`, `unmatched` or a row; without rows everything is `unmatched`; the same input gives
// the same match. A row is valid when its weight is above 0.
// Matchers: matchers/{argmax,bipartite}.hpp.
#pragma once

#include <odt/core/policy.hpp>
#include <odt/core/target.hpp>

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace odt {

/// Matches that are not rows.
inline constexpr int unmatched = -1, ignored = -2;

/// Similarities of one image, row by row.
struct similarity_matrix {
  const float* values = nullptr;
  int rows = 0;
  int columns = 0;
  std::ptrdiff_t stride = 0;  ///< from row to row

  ODT_HD constexpr float operator()(int row, int column) const { return values[row * stride + column]; }
};

template <class M>
concept column_matcher = policy<M> && requires(const M& matcher, float f, double d) {
  { matcher.decide(f, f) } -> std::same_as<float>;
  { matcher.decide(d, d) } -> std::same_as<double>;
  { matcher.forces_rows() } -> std::same_as<bool>;
};

template <class M>
concept image_matcher = policy<M> && requires(const M& matcher, similarity_matrix similarities,
                                              std::span<const std::uint8_t> valid, std::span<int> ints) {
  { M::scratch(1) } -> std::same_as<std::size_t>;
  matcher.match(similarities, valid, ints, ints);
};

template <class M>
concept matcher = column_matcher<M> || image_matcher<M>;

namespace detail {

/// Each valid row takes its best column; rows are visited downwards so that the lowest one wins.
inline void force_rows(similarity_matrix s, std::span<const std::uint8_t> valid, std::span<int> matches) {
  for (int row = s.rows; row-- > 0;) {
    if (!valid[static_cast<std::size_t>(row)] || s.columns == 0) continue;
    int best = 0;
    for (int column = 1; column < s.columns; ++column)
      if (s(row, column) > s(row, best)) best = column;
    matches[static_cast<std::size_t>(best)] = row;
  }
}

}  // namespace detail

/// Matches one image, element by element: what the launchers' fused kernels have to agree with.
/// `valid` has one element a row, `matches` one a column.
template <matcher M>
void match(const M& how, similarity_matrix s, std::span<const std::uint8_t> valid, std::span<int> matches) {
  std::ranges::fill(matches, unmatched);
  if (s.rows == 0) return;
  if constexpr (column_matcher<M>) {
    for (int column = 0; column < s.columns; ++column) {
      int best = 0;
      for (int row = 1; row < s.rows; ++row)
        if (s(row, column) > s(best, column)) best = row;
      matches[static_cast<std::size_t>(column)] =
          static_cast<int>(how.decide(s(best, column), static_cast<float>(best)));
    }
    if (how.forces_rows()) detail::force_rows(s, valid, matches);
  } else {
    std::vector<int> scratch(M::scratch(s.rows));
    how.match(s, valid, matches, std::span(scratch));
  }
}

}  // namespace odt
