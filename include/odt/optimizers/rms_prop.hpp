// SPDX-License-Identifier: MIT
// RMSProp with momentum (Tieleman and Hinton, 2012), as TensorFlow's RMSPropOptimizer:
//   ms += (1 - decay) (g^2 - ms),   mom = momentum mom + rate g / sqrt(ms + epsilon),   w -= mom
// The mean square begins at 1, and epsilon stands under the root.
#pragma once

#include <odt/optimizer.hpp>

#include <cmath>

namespace odt {

struct rms_prop {
  static constexpr std::string_view name = "rms_prop_optimizer";
  static constexpr std::array<optimizer_slot, 2> slots{{{"RMSProp", 1}, {"RMSProp_1", 0}}};
  static constexpr std::array<optimizer_scalar, 0> scalars{};

  struct options {
    float momentum_optimizer_value = 0.9f;
    float decay = 0.9f;
    float epsilon = 1;

    static constexpr void fields(auto& o, auto&& field) {
      field("momentum_optimizer_value", o.momentum_optimizer_value);
      field("decay", o.decay);
      field("epsilon", o.epsilon);
    }
  };

  options opts{};

  constexpr float rate(float learning_rate, const std::array<float, 0>&) const { return learning_rate; }
  constexpr void advance(std::array<float, 0>&) const {}

  template <class T>
  ODT_HD constexpr void update(T& value, const T& gradient, const T& rate, std::array<T, 2>& slot) const {
    using std::sqrt;
    auto& [mean_square, velocity] = slot;
    mean_square = mean_square + (gradient * gradient - mean_square) * T(1 - opts.decay);
    velocity = velocity * T(opts.momentum_optimizer_value) + gradient * rate / sqrt(mean_square + T(opts.epsilon));
    value = value - velocity;
  }
};

}  // namespace odt
