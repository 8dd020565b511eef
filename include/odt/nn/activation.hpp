// SPDX-License-Identifier: MIT
// What a layer applies to each of its values. With c(x) = min(max(x, 0), 6), s(x) = 1 / (1 + exp(-x)):
//   relu  max(x, 0)                  silu          x s(x)
//   relu_6  c(x)                     hard_sigmoid  c(x + 3) / 6
//   leaky_relu  x or slope x below 0   hard_swish  x c(x + 3) / 6
//   sigmoid  s(x)                    scaled        slope x
//   none  x
#pragma once

#include <odt/core/scalar.hpp>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string_view>

namespace odt {

enum class activation : std::uint8_t {
  none,
  relu,
  relu_6,
  leaky_relu,
  silu,
  hard_sigmoid,
  hard_swish,
  sigmoid,
  scaled
};

constexpr std::string_view name_of(activation a) {
  constexpr std::string_view names[] = {"none",         "relu",       "relu_6",  "leaky_relu", "silu",
                                        "hard_sigmoid", "hard_swish", "sigmoid", "scaled"};
  return names[static_cast<std::size_t>(a)];
}

/// Whether an activation is no more than a clamp to lower_bound..upper_bound, which readers can apply.
constexpr bool is_clamp(activation a) { return a <= activation::relu_6; }

/// Bounds of a clamp: the largest value it lets through, and the lowest.
constexpr float upper_bound(activation a) {
  return a == activation::relu_6 ? 6.0f : std::numeric_limits<float>::infinity();
}
constexpr float lower_bound(activation a) {
  return a == activation::none ? -std::numeric_limits<float>::infinity() : 0.0f;
}

/// A function of single values: an activation, then a clamp to low..high. T is float, double or a SIMD batch of floats.
/// A NaN stays one.
struct elementwise {
  activation kind = activation::none;
  float low = -std::numeric_limits<float>::infinity();
  float high = std::numeric_limits<float>::infinity();
  float slope = 0.2f;  ///< of scaled, and of leaky_relu below 0 (TensorFlow's default)

  /// Whether it gives back what it is given.
  constexpr bool identity() const {
    return kind == activation::none && low == -std::numeric_limits<float>::infinity() &&
           high == std::numeric_limits<float>::infinity();
  }

  template <class T>
  ODT_HD constexpr T value(const T& x) const {
    return clamp(activated(x), T(low), T(high));
  }

  /// The derivative at x, 0 where the clamp holds; at a corner as TensorFlow's (of RELU at 0 and RELU_6 at 6: 0).
  template <class T>
  ODT_HD constexpr T derivative(const T& x) const {
    return within(activated(x), T(low), T(high), activated_derivative(x));
  }

 private:
  template <class T>
  ODT_HD static constexpr T clamp(const T& x, const T& least, const T& most) {
    const T above = select(x < least, least, x);
    return select(above > most, most, above);
  }

  /// `inside` where x lies in the open interval, else 0.
  template <class T>
  ODT_HD static constexpr T within(const T& x, const T& least, const T& most, const T& inside) {
    return select(x > least, select(x < most, inside, T(0)), T(0));
  }

  template <class T>
  ODT_HD static constexpr T logistic(const T& x) {
    using std::exp;
    return T(1) / (T(1) + exp(-x));
  }

  template <class T>
  ODT_HD static constexpr T ramp(const T& x) {
    return clamp(T(x + T(3)), T(0), T(6)) * (T(1) / T(6));
  }
  template <class T>
  ODT_HD static constexpr T ramp_derivative(const T& x) {
    return within(T(x + T(3)), T(0), T(6), T(T(1) / T(6)));
  }

  template <class T>
  ODT_HD constexpr T activated(const T& x) const {
    switch (kind) {
      case activation::none:
        break;
      case activation::relu:
        return select(x < T(0), T(0), x);
      case activation::relu_6:
        return clamp(x, T(0), T(6));
      case activation::leaky_relu:
        return select(x < T(0), T(x * T(slope)), x);
      case activation::silu:
        return x * logistic(x);
      case activation::hard_sigmoid:
        return ramp(x);
      case activation::hard_swish:
        return x * ramp(x);
      case activation::sigmoid:
        return logistic(x);
      case activation::scaled:
        return x * T(slope);
    }
    return x;
  }

  template <class T>
  ODT_HD constexpr T activated_derivative(const T& x) const {
    switch (kind) {
      case activation::none:
        break;
      case activation::relu:
        return select(x > T(0), T(1), T(0));
      case activation::relu_6:
        return within(x, T(0), T(6), T(1));
      case activation::leaky_relu:
        return select(x > T(0), T(1), T(slope));
      case activation::silu: {
        const T share = logistic(x);
        return share + x * share * (T(1) - share);
      }
      case activation::hard_sigmoid:
        return ramp_derivative(x);
      case activation::hard_swish:
        return ramp(x) + x * ramp_derivative(x);
      case activation::sigmoid: {
        const T share = logistic(x);
        return share * (T(1) - share);
      }
      case activation::scaled:
        return T(slope);
    }
    return T(1);
  }
};

}  // namespace odt
