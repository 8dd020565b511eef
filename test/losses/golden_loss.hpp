// SPDX-License-Identifier: MIT
// Compares a loss with the API's, computed in float, double and SIMD vectors.
#pragma once

#include <golden.hpp>
#include <odt/exec/cpu/machine/simd.hpp>
#include <odt/loss.hpp>

#include <cstddef>
#include <string>
#include <vector>

namespace odt::test {

/// A T whose lanes are value(0), value(1), ...
template <class T, class Value>
T gather(const Value& value) {
  if constexpr (std::is_arithmetic_v<T>) {
    return static_cast<T>(value(0));
  } else {
    float lanes[T::size];
    for (std::size_t lane = 0; lane < T::size; ++lane) lanes[lane] = static_cast<float>(value(static_cast<int>(lane)));
    return T::load_unaligned(lanes);
  }
}

template <class T>
double lane_of(const T& value, int lane) {
  if constexpr (std::is_arithmetic_v<T>) {
    return static_cast<double>(value);
  } else {
    float lanes[T::size];
    value.store_unaligned(lanes);
    return static_cast<double>(lanes[lane]);
  }
}

template <class T>
constexpr int lane_count() {
  if constexpr (std::is_arithmetic_v<T>)
    return 1;
  else
    return static_cast<int>(T::size);
}

struct loss_result {
  std::vector<double> costs, gradients;
};

/// Costs of rows (one weight a row) and gradients of their elements; rows go through the lanes of T.
template <class T, odt::loss L>
loss_result costs_of(const L& how, int columns, const std::vector<double>& predictions,
                     const std::vector<double>& targets, const std::vector<double>& weights) {
  const int rows = static_cast<int>(weights.size());
  loss_result result{std::vector<double>(weights.size()), std::vector<double>(predictions.size())};
  for (int row = 0; row < rows; row += lane_count<T>()) {
    const auto at = [&](int lane, int column) {
      return static_cast<std::size_t>(std::min(row + lane, rows - 1) * columns + column);
    };
    const T weight = gather<T>([&](int lane) { return weights[at(lane, 0) / static_cast<std::size_t>(columns)]; });
    const auto element = [&](int column) {
      return odt::loss_element<T>{gather<T>([&](int lane) { return predictions[at(lane, column)]; }),
                                  gather<T>([&](int lane) { return targets[at(lane, column)]; })};
    };
    const auto gradient = [&](int column, const T& g) {
      for (int lane = 0; lane < lane_count<T>(); ++lane) result.gradients[at(lane, column)] = lane_of(g, lane);
    };
    const T cost = odt::row_cost<T>(how, columns, weight, element, gradient);
    for (int lane = 0; lane < lane_count<T>(); ++lane)
      result.costs[at(lane, 0) / static_cast<std::size_t>(columns)] = lane_of(cost, lane);
  }
  return result;
}

/// One case: predictions, targets and weights to costs and gradients.
template <class T, odt::loss L>
void check_loss(const L& how, const golden_case& c, const std::string& scalar) {
  const array predictions = c.in("prediction"), given = c.in("weights"), expected = c.out("loss");
  const std::size_t count = predictions.size(), columns = static_cast<std::size_t>(predictions.shape.back());
  // Weights come per anchor or per element. Where classes depend on each other, the mean over the classes counts.
  const bool by_row = odt::fold_count<L> > 0 || given.size() < count;
  const std::size_t rows = by_row ? count / columns : count;
  std::vector<double> weights(rows);
  const std::size_t each = given.size() / rows;
  for (std::size_t i = 0; i < rows; ++i)
    for (std::size_t j = 0; j < each; ++j) weights[i] += given[i * each + j] / static_cast<double>(each);
  std::vector<double> targets = c.in("target").values;
  if (c.has_in("losses_mask")) {
    const array mask = c.in("losses_mask");
    for (std::size_t i = 0; i < rows; ++i) weights[i] *= mask[i * mask.size() / rows];
  }
  // One weight for all elements of an anchor, and yet a cost for each of them.
  const bool split = by_row && expected.size() == count;
  if (split) {
    std::vector<double> spread(count);
    for (std::size_t i = 0; i < count; ++i) spread[i] = weights[i / columns];
    weights = spread;
  }
  const auto result =
      costs_of<T>(how, by_row && !split ? static_cast<int>(columns) : 1, predictions.values, targets, weights);
  check_close(result.costs, expected, c, "cost, " + scalar);
  if (c.has_out("gradient"))
    check_close(std::span<const double>(result.gradients), c.out("gradient"), std::max(c.rtol(), 1e-5), c.atol(),
                c.name() + " gradient, " + scalar);
}

template <odt::loss L>
void check_loss(const L& how, const golden_case& c) {
  check_loss<float>(how, c, "float");
  check_loss<double>(how, c, "double");
  check_loss<odt::cpu::vec>(how, c, "vector");
}

}  // namespace odt::test
