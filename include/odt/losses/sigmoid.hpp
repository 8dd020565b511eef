// SPDX-License-Identifier: MIT
// Sigmoid cross entropy, every class by itself:
//   cost = w (max(x, 0) - x t + log(1 + exp(-|x|))),   d cost / d x = w (sigmoid(x) - t)
#pragma once

#include <odt/loss.hpp>

namespace odt {

struct weighted_sigmoid {
  static constexpr std::string_view name = "weighted_sigmoid";
  static constexpr loss_kind kind = loss_kind::classification;

  struct options {
    bool anchorwise_output = false;  ///< has no effect, as in the API

    static constexpr void fields(auto& o, auto&& field) { field("anchorwise_output", o.anchorwise_output); }
  };

  options opts{};

  template <class T>
  ODT_HD constexpr loss_term<T> element(const T& x, const T& target, const T& weight) const {
    const detail::logistic<T> sigmoid(x);
    return {detail::cross_entropy(x, target, sigmoid) * weight, (sigmoid.positive - target) * weight};
  }
};

}  // namespace odt
