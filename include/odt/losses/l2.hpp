// SPDX-License-Identifier: MIT
// Half the squared weighted error: cost = (w (x - t))^2 / 2. The weight is squared too, as in the API.
#pragma once

#include <odt/loss.hpp>

namespace odt {

struct weighted_l2 {
  static constexpr std::string_view name = "weighted_l2";
  static constexpr loss_kind kind = loss_kind::localization;

  struct options {
    bool anchorwise_output = false;  ///< has no effect, as in the API

    static constexpr void fields(auto& o, auto&& field) { field("anchorwise_output", o.anchorwise_output); }
  };

  options opts{};

  template <class T>
  ODT_HD constexpr loss_term<T> element(const T& x, const T& target, const T& weight) const {
    const T error = (x - target) * weight;
    return {T(0.5f) * error * error, error * weight};
  }
};

}  // namespace odt
