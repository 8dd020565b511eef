// SPDX-License-Identifier: MIT
// What the losses over rows of predictions share: a row is the logits, or the code of the box, of one anchor or
// proposal; a warp works on a row.
#pragma once

#include <odt/exec/cuda/machine/reduce.cuh>
#include <odt/loss.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>

namespace odt::cuda::detail {

inline constexpr int loss_threads = 256;

/// Calls body(row) for the rows of this warp.
template <class Body>
__device__ void each_row_of_warp(std::int64_t rows, const Body& body) {
  const std::int64_t warps = loss_threads / 32;
  for (std::int64_t row = std::int64_t{blockIdx.x} * warps + threadIdx.x / 32; row < rows; row += gridDim.x * warps)
    body(row);
}

/// Blocks of loss_threads for so many rows.
inline unsigned blocks_of_rows(std::int64_t rows) {
  return static_cast<unsigned>(std::clamp<std::int64_t>((rows + 31) / 32, 1, 4096));
}

template <std::size_t I, loss L, class Element>
__device__ void fold_lanes(const L& how, int columns, const Element& element, row_folds<float, fold_count<L>>& folds) {
  if constexpr (I < fold_count<L>) {
    constexpr bool sums = L::folds[I] == row_fold::sum;
    float folded = sums ? 0.0f : -INFINITY;
    for (int c = static_cast<int>(threadIdx.x) % 32; c < columns; c += 32) {
      const auto [prediction, target] = element(c);
      const float term = how.template fold_term<I>(prediction, target, folds);
      folded = sums ? folded + term : max(folded, term);
    }
    folds[I] = warp_fold(folded, [](float a, float b) { return sums ? a + b : (a < b ? b : a); });
    fold_lanes<I + 1>(how, columns, element, folds);
  }
}

/// row_cost by the lanes of a warp: each gets the cost of the row, and `gradient` its columns' derivatives.
template <loss L, class Element, class Gradient>
__device__ float warp_row_cost(const L& how, int columns, float weight, const Element& element,
                               const Gradient& gradient) {
  row_folds<float, fold_count<L>> folds{};
  fold_lanes<0>(how, columns, element, folds);
  float cost = 0;
  for (int c = static_cast<int>(threadIdx.x) % 32; c < columns; c += 32) {
    const loss_term<float> term = odt::detail::term_of(how, element(c), weight, folds);
    cost += term.value;
    gradient(c, term.gradient);
  }
  return warp_sum(cost);
}

}  // namespace odt::cuda::detail
