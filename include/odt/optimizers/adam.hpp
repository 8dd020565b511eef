// SPDX-License-Identifier: MIT
// Adam (Kingma and Ba, 2014, the form before section 2.1), as TensorFlow's AdamOptimizer, with beta1 0.9, beta2 0.999:
//   m += (1 - beta1) (g - m),   v += (1 - beta2) (g^2 - v),   w -= rate' m / (sqrt(v) + epsilon)
//   rate' = rate sqrt(1 - beta2^t) / (1 - beta1^t)
#pragma once

#include <odt/optimizer.hpp>

#include <cmath>

namespace odt {

struct adam {
  static constexpr std::string_view name = "adam_optimizer";
  static constexpr float beta1 = 0.9f, beta2 = 0.999f;
  static constexpr std::array<optimizer_slot, 2> slots{{{"Adam", 0}, {"Adam_1", 0}}};
  /// beta^t of the step t to come, t from 1.
  static constexpr std::array<optimizer_scalar, 2> scalars{{{"beta1_power", beta1}, {"beta2_power", beta2}}};

  struct options {
    float epsilon = 1e-8f;

    static constexpr void fields(auto& o, auto&& field) { field("epsilon", o.epsilon); }
  };

  options opts{};

  float rate(float learning_rate, const std::array<float, 2>& power) const {
    return learning_rate * std::sqrt(1 - power[1]) / (1 - power[0]);
  }
  constexpr void advance(std::array<float, 2>& power) const {
    power[0] *= beta1;
    power[1] *= beta2;
  }

  template <class T>
  ODT_HD constexpr void update(T& value, const T& gradient, const T& rate, std::array<T, 2>& slot) const {
    using std::sqrt;
    auto& [mean, square] = slot;
    mean = mean + (gradient - mean) * T(1 - beta1);
    square = square + (gradient * gradient - square) * T(1 - beta2);
    value = value - mean * rate / (sqrt(square) + T(opts.epsilon));
  }
};

}  // namespace odt
