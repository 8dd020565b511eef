// SPDX-License-Identifier: MIT
// Softmax cross entropy over the classes of an anchor, with z = x / logit_scale:
//   cost = w sum(t (log(sum(exp(z))) - z)),   d cost / d x = w (softmax(z) - t) / logit_scale
// The derivative takes the targets to sum to 1, as TensorFlow's does; an anchor whose targets are all 0 costs nothing
// and yet has a gradient.
#pragma once

#include <odt/loss.hpp>

#include <cmath>

namespace odt {

struct weighted_softmax {
  static constexpr std::string_view name = "weighted_softmax";
  static constexpr loss_kind kind = loss_kind::classification;
  static constexpr std::array<row_fold, 2> folds{row_fold::largest, row_fold::sum};

  struct options {
    bool anchorwise_output = false;  ///< has no effect, as in the API
    float logit_scale = 1;           ///< above 1 softens the distribution

    static constexpr void fields(auto& o, auto&& field) {
      field("anchorwise_output", o.anchorwise_output);
      field("logit_scale", o.logit_scale);
    }
  };

  options opts{};

  template <std::size_t I, class T>
  ODT_HD constexpr T fold_term(const T& x, const T&, const row_folds<T, 2>& row) const {
    using std::exp;
    const T z = x / T(opts.logit_scale);
    if constexpr (I == 0)
      return z;
    else
      return exp(z - row[0]);
  }

  template <class T>
  ODT_HD constexpr loss_term<T> element(const T& x, const T& target, const T& weight,
                                        const row_folds<T, 2>& row) const {
    using std::exp;
    using std::log;
    const T z = x / T(opts.logit_scale) - row[0];
    return {target * (log(row[1]) - z) * weight, (exp(z) / row[1] - target) * weight / T(opts.logit_scale)};
  }
};

}  // namespace odt
