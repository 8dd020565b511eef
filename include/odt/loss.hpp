// SPDX-License-Identifier: MIT
// A loss says what one number of a prediction costs, and how that cost changes with the number. Which anchors count,
// what they are weighted with, and by what a sum is divided are others' affair.
//
// Predictions come in rows: the class scores, or the code of the box, of one anchor. A loss is per element plus
// declared folds: where the elements of a row depend on each other (softmax), the loss names what it needs to
// know of the whole row (a maximum, a sum), and the launcher folds it first, one after the other.
//
// Required of a loss L, for T = float, double or a SIMD batch of floats:
//   static constexpr loss_kind kind;                                    on class scores or on box codes
//   loss_term<T> element(T prediction, T target, T weight) const       weighted cost and its derivative
// or, of one with folds:
//   static constexpr std::array<row_fold, N> folds;
//   T fold_term<I>(T prediction, T target, row_folds<T, N> row) const   what fold I sums up or takes the largest of;
//                                                                       `row` holds the folds before it
//   loss_term<T> element(T prediction, T target, T weight, row_folds<T, N> row) const
// The cost of a row is the sum over its elements. In the classes' rows every element has the same weight.
// Laws: the derivative is that of the row's cost with respect to the prediction, for targets that sum to 1 where there
// are folds; a weight of 0 costs nothing and has no gradient; costs are not negative for targets within 0..1. Losses:
// losses/{sigmoid,softmax,logits_softmax,focal,bootstrapped_sigmoid,smooth_l1,l2,l1}.hpp.
#pragma once

#include <odt/core/policy.hpp>
#include <odt/core/scalar.hpp>

#include <array>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>

namespace odt {

/// What a loss is for: the oneof in pipeline.config that it belongs to.
enum class loss_kind : std::uint8_t { classification, localization };

/// How the terms of a row become one number.
enum class row_fold : std::uint8_t { largest, sum };

/// The folds of a row, in the order in which the loss declares them.
template <class T, std::size_t N>
using row_folds = std::array<T, N>;

/// A weighted cost and its derivative with respect to the prediction.
template <class T>
struct loss_term {
  T value, gradient;
};

namespace detail {

template <class L>
constexpr std::size_t count_folds() {
  if constexpr (requires { L::folds; })
    return L::folds.size();
  else
    return 0;
}

}  // namespace detail

/// How many folds a loss needs of a row.
template <class L>
inline constexpr std::size_t fold_count = detail::count_folds<L>();

namespace detail {

template <class L, class T>
concept costs_elements_of = requires(const L& loss, T x) {
  { loss.element(x, x, x) } -> std::same_as<loss_term<T>>;
};

template <class L, class T>
concept costs_rows_of = fold_count<L> > 0 && requires(const L& loss, T x, const row_folds<T, fold_count<L>>& row) {
  { loss.template fold_term<0>(x, x, row) } -> std::same_as<T>;
  { loss.element(x, x, x, row) } -> std::same_as<loss_term<T>>;
};

template <class L, class T>
concept costs = costs_elements_of<L, T> || costs_rows_of<L, T>;

}  // namespace detail

template <class L>
concept loss = policy<L> && std::same_as<decltype(L::kind), const loss_kind> && detail::costs<L, float> &&
               detail::costs<L, double>;

template <class L>
concept classification_loss = loss<L> && L::kind == loss_kind::classification;

template <class L>
concept localization_loss = loss<L> && L::kind == loss_kind::localization;

/// A prediction and its target.
template <class T>
struct loss_element {
  T prediction, target;
};

namespace detail {

/// One element of a row whose folds are known.
template <loss L, class T>
ODT_HD constexpr loss_term<T> term_of(const L& how, const loss_element<T>& e, const T& weight,
                                      const row_folds<T, fold_count<L>>& folds) {
  if constexpr (fold_count < L >> 0)
    return how.element(e.prediction, e.target, weight, folds);
  else
    return how.element(e.prediction, e.target, weight);
}

template <std::size_t I, class T, loss L, class Row>
ODT_HD constexpr void fold_row(const L& how, int columns, const Row& element, row_folds<T, fold_count<L>>& folds) {
  if constexpr (I < fold_count<L>) {
    auto [first, first_target] = element(0);
    T folded = how.template fold_term<I>(first, first_target, folds);
    for (int column = 1; column < columns; ++column) {
      const auto [prediction, target] = element(column);
      const T term = how.template fold_term<I>(prediction, target, folds);
      folded = L::folds[I] == row_fold::sum ? folded + term : T(max(folded, term));
    }
    folds[I] = folded;
    fold_row<I + 1, T>(how, columns, element, folds);
  }
}

}  // namespace detail

/// The cost of a row of `columns` >= 1 elements, all with the same weight: `element(column)` gives a loss_element<T>,
/// `gradient(column, g)` takes the derivative.
template <class T, loss L, class Row, class Gradient>
ODT_HD constexpr T row_cost(const L& how, int columns, const T& weight, const Row& element, const Gradient& gradient) {
  row_folds<T, fold_count<L>> folds{};
  detail::fold_row<0, T>(how, columns, element, folds);
  T cost(0);
  for (int column = 0; column < columns; ++column) {
    const loss_term<T> term = detail::term_of(how, element(column), weight, folds);
    cost = cost + term.value;
    gradient(column, term.gradient);
  }
  return cost;
}

namespace detail {

/// What sigmoid losses share: the logistic function of x and of -x, and log(1 + exp(-|x|)), from one exponential.
template <class T>
struct logistic {
  T positive, negative, log_term;

  ODT_HD constexpr explicit logistic(const T& x) {
    using std::abs;
    using std::exp;
    using std::log1p;
    const T decay = exp(-abs(x)), share = T(1) / (T(1) + decay);
    positive = select(x >= T(0), share, decay * share);
    negative = select(x >= T(0), decay * share, share);
    log_term = log1p(decay);
  }
};

/// Cross entropy of the logistic function of x against a target: max(x, 0) - x t + log(1 + exp(-|x|)).
template <class T>
ODT_HD constexpr T cross_entropy(const T& x, const T& target, const logistic<T>& of_x) {
  return max(x, T(0)) - x * target + of_x.log_term;
}

}  // namespace detail

}  // namespace odt
