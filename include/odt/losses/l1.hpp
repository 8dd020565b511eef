// SPDX-License-Identifier: MIT
// The absolute error: cost = |x - t| w.
#pragma once

#include <odt/loss.hpp>

#include <cmath>

namespace odt {

struct l1_localization_loss {
  static constexpr std::string_view name = "l1_localization_loss";
  static constexpr loss_kind kind = loss_kind::localization;

  struct options {
    static constexpr void fields(auto&, auto&&) {}
  };

  options opts{};

  template <class T>
  ODT_HD constexpr loss_term<T> element(const T& x, const T& target, const T& weight) const {
    using std::abs;
    const T error = x - target;
    const T sign = select(error > T(0), T(1), select(error < T(0), T(-1), T(0)));
    return {abs(error) * weight, sign * weight};
  }
};

}  // namespace odt
