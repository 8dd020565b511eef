// SPDX-License-Identifier: MIT
// Sigmoid cross entropy against targets mixed with what is predicted now (Reed et al., 2015). With p = sigmoid(x),
//   soft: t' = alpha t + (1 - alpha) p          hard: t' = alpha t + (1 - alpha) [p > 0.5]
//   cost = w ce(x, t'),   d cost / d x = w (p - t' - x dt'/dx)
#pragma once

#include <odt/loss.hpp>

namespace odt {

struct bootstrapped_sigmoid {
  static constexpr std::string_view name = "bootstrapped_sigmoid";
  static constexpr loss_kind kind = loss_kind::classification;

  struct options {
    float alpha = 0;                 ///< how much the labels count; the schema has no default
    bool hard_bootstrap = false;     ///< mix with the predicted class instead of its probability
    bool anchorwise_output = false;  ///< has no effect, as in the API

    static constexpr void fields(auto& o, auto&& field) {
      field("alpha", o.alpha);
      field("hard_bootstrap", o.hard_bootstrap);
      field("anchorwise_output", o.anchorwise_output);
    }
  };

  options opts{};

  template <class T>
  ODT_HD constexpr loss_term<T> element(const T& x, const T& target, const T& weight) const {
    const detail::logistic<T> sigmoid(x);
    const T& p = sigmoid.positive;
    const T trust(opts.alpha), doubt(1 - opts.alpha);
    if (opts.hard_bootstrap) {
      const T mixed = trust * target + select(p > T(0.5f), doubt, T(0));
      return {detail::cross_entropy(x, mixed, sigmoid) * weight, (p - mixed) * weight};
    }
    const T mixed = trust * target + doubt * p;
    return {detail::cross_entropy(x, mixed, sigmoid) * weight, (p - mixed - x * doubt * p * sigmoid.negative) * weight};
  }
};

}  // namespace odt
