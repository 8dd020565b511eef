// SPDX-License-Identifier: MIT
// Softmax cross entropy against targets that are logits themselves (distillation), with z = x / logit_scale:
//   t = softmax(target / logit_scale),   cost = w sum(t (log(sum(exp(z))) - z)),   d cost / d x = w (softmax(z) - t) /
//   logit_scale
#pragma once

#include <odt/loss.hpp>

#include <cmath>

namespace odt {

struct weighted_logits_softmax {
  static constexpr std::string_view name = "weighted_logits_softmax";
  static constexpr loss_kind kind = loss_kind::classification;
  static constexpr std::array<row_fold, 4> folds{row_fold::largest, row_fold::largest, row_fold::sum, row_fold::sum};

  struct options {
    bool anchorwise_output = false;  ///< has no effect, as in the API
    float logit_scale = 1;           ///< of predictions and targets alike

    static constexpr void fields(auto& o, auto&& field) {
      field("anchorwise_output", o.anchorwise_output);
      field("logit_scale", o.logit_scale);
    }
  };

  options opts{};

  template <std::size_t I, class T>
  ODT_HD constexpr T fold_term(const T& x, const T& target, const row_folds<T, 4>& row) const {
    using std::exp;
    const T z = (I % 2 == 0 ? x : target) / T(opts.logit_scale);
    if constexpr (I < 2)
      return z;
    else
      return exp(z - row[I - 2]);
  }

  template <class T>
  ODT_HD constexpr loss_term<T> element(const T& x, const T& target, const T& weight,
                                        const row_folds<T, 4>& row) const {
    using std::exp;
    using std::log;
    const T z = x / T(opts.logit_scale) - row[0];
    const T t = exp(target / T(opts.logit_scale) - row[1]) / row[3];
    return {t * (log(row[2]) - z) * weight, (exp(z) / row[2] - t) * weight / T(opts.logit_scale)};
  }
};

}  // namespace odt
