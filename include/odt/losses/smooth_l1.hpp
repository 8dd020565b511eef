// SPDX-License-Identifier: MIT
// Huber's loss of the error d = x - t: quadratic up to delta, then linear.
//   |d| <= delta: cost = w d^2 / 2          else: cost = w delta (|d| - delta / 2)
#pragma once

#include <odt/loss.hpp>

#include <cmath>

namespace odt {

struct weighted_smooth_l1 {
  static constexpr std::string_view name = "weighted_smooth_l1";
  static constexpr loss_kind kind = loss_kind::localization;

  struct options {
    bool anchorwise_output = false;  ///< has no effect, as in the API
    float delta = 1;

    static constexpr void fields(auto& o, auto&& field) {
      field("anchorwise_output", o.anchorwise_output);
      field("delta", o.delta);
    }
  };

  options opts{};

  template <class T>
  ODT_HD constexpr loss_term<T> element(const T& x, const T& target, const T& weight) const {
    using std::abs;
    const T delta(opts.delta), error = x - target, size = abs(error);
    const T quadratic = min(size, delta), linear = size - quadratic;
    const T slope = max(min(error, delta), -delta);
    return {(T(0.5f) * quadratic * quadratic + delta * linear) * weight, slope * weight};
  }
};

}  // namespace odt
