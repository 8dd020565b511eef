// SPDX-License-Identifier: MIT
// Sigmoid focal loss (Lin et al., 2017): cross entropy, less so where the prediction is right already. With p =
// sigmoid(x),
//   q = t (1 - p) + (1 - t) p   how wrong the prediction is
//   a = t alpha + (1 - t) (1 - alpha), or 1 without an alpha
//   cost = w a q^gamma ce(x, t)
//   d cost / d x = w a (q^gamma (p - t) + gamma q^(gamma - 1) (1 - 2 t) p (1 - p) ce)
#pragma once

#include <odt/loss.hpp>

#include <cmath>
#include <limits>
#include <optional>

namespace odt {

struct weighted_sigmoid_focal {
  static constexpr std::string_view name = "weighted_sigmoid_focal";
  static constexpr loss_kind kind = loss_kind::classification;

  struct options {
    bool anchorwise_output = false;  ///< has no effect, as in the API
    float gamma = 2;
    std::optional<float> alpha =
        std::nullopt;  ///< weight of the positives against the negatives' 1 - alpha; unset: none

    static constexpr void fields(auto& o, auto&& field) {
      field("anchorwise_output", o.anchorwise_output);
      field("gamma", o.gamma);
      field("alpha", o.alpha);
    }
  };

  options opts{};

  template <class T>
  ODT_HD constexpr loss_term<T> element(const T& x, const T& target, const T& weight) const {
    const detail::logistic<T> sigmoid(x);
    const T entropy = detail::cross_entropy(x, target, sigmoid);
    const T& p = sigmoid.positive;
    const T wrong = target * sigmoid.negative + (T(1) - target) * p;
    const T focus = power(wrong);
    // A saturated logit has wrong == 0; the quotient is at most 1 for targets of 0 and 1.
    const T slope = p * sigmoid.negative / max(wrong, T(std::numeric_limits<float>::min()));
    const T change = (p - target) + T(opts.gamma) * (T(1) - target - target) * slope * entropy;
    T balance = weight * focus;
    if (opts.alpha) balance = balance * (target * T(*opts.alpha) + (T(1) - target) * T(1 - *opts.alpha));
    return {balance * entropy, balance * change};
  }

 private:
  template <class T>
  ODT_HD constexpr T power(const T& wrong) const {
    using std::pow;
    if (opts.gamma == 2) return wrong * wrong;
    if (opts.gamma == 0) return T(1);
    return pow(wrong, T(opts.gamma));
  }
};

}  // namespace odt
