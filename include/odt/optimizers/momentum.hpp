// SPDX-License-Identifier: MIT
// Gradient descent with momentum (Polyak, 1964), as TensorFlow's MomentumOptimizer:
//   a = momentum a + g,   w -= rate a
#pragma once

#include <odt/optimizer.hpp>

namespace odt {

struct momentum {
  static constexpr std::string_view name = "momentum_optimizer";
  static constexpr std::array<optimizer_slot, 1> slots{{{"Momentum", 0}}};
  static constexpr std::array<optimizer_scalar, 0> scalars{};

  struct options {
    float momentum_optimizer_value = 0.9f;

    static constexpr void fields(auto& o, auto&& field) {
      field("momentum_optimizer_value", o.momentum_optimizer_value);
    }
  };

  options opts{};

  constexpr float rate(float learning_rate, const std::array<float, 0>&) const { return learning_rate; }
  constexpr void advance(std::array<float, 0>&) const {}

  template <class T>
  ODT_HD constexpr void update(T& value, const T& gradient, const T& rate, std::array<T, 1>& slot) const {
    slot[0] = slot[0] * T(opts.momentum_optimizer_value) + gradient;
    value = value - slot[0] * rate;
  }
};

}  // namespace odt
