// SPDX-License-Identifier: MIT
// How a variable begins. Formulas are TensorFlow slim's: a truncated normal is redrawn beyond two standard deviations;
// variance scaling divides the factor by the fan (Glorot and Bengio 2010; He et al. 2015).
#pragma once

#include <odt/core/error.hpp>
#include <odt/core/random.hpp>
#include <odt/core/settings.hpp>

#include <cmath>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace odt {

enum class initializer_kind : std::uint8_t { constant, truncated_normal, random_normal, variance_scaling };
enum class fan_mode : std::uint8_t { fan_in, fan_out, fan_avg };

struct initializer {
  initializer_kind kind = initializer_kind::constant;
  float mean = 0;    ///< of a normal, or the constant
  float stddev = 0;  ///< of a normal
  float factor = 2;  ///< of variance scaling
  fan_mode mode = fan_mode::fan_in;
  bool uniform = false;

  static constexpr initializer constant(float value) { return {.mean = value}; }
  static constexpr initializer truncated_normal(float stddev, float mean = 0) {
    return {.kind = initializer_kind::truncated_normal, .mean = mean, .stddev = stddev};
  }
  static constexpr initializer random_normal(float stddev, float mean = 0) {
    return {.kind = initializer_kind::random_normal, .mean = mean, .stddev = stddev};
  }
  static constexpr initializer variance_scaling(float factor, fan_mode mode, bool uniform) {
    return {.kind = initializer_kind::variance_scaling, .factor = factor, .mode = mode, .uniform = uniform};
  }
};

/// The fan that variance scaling divides by; all dimensions but the last two are a receptive field.
inline double fan(const std::vector<int>& shape, fan_mode mode) {
  if (shape.empty()) return 1;
  double field = 1;
  for (std::size_t i = 0; i + 2 < shape.size(); ++i) field *= shape[i];
  const double in = field * (shape.size() > 1 ? shape[shape.size() - 2] : shape.back());
  const double out = field * shape.back();
  return mode == fan_mode::fan_in ? in : mode == fan_mode::fan_out ? out : (in + out) / 2;
}

/// Fills the values of a variable of the given shape.
inline void initialize(const initializer& init, const std::vector<int>& shape, random_stream& random,
                       std::span<float> values) {
  float stddev = init.stddev, mean = init.mean, limit = 0;
  if (init.kind == initializer_kind::variance_scaling) {
    const double n = fan(shape, init.mode);
    stddev = static_cast<float>(std::sqrt(1.3 * init.factor / n));
    limit = static_cast<float>(std::sqrt(3.0 * init.factor / n));
    mean = 0;
  }
  for (float& value : values) switch (init.kind) {
      case initializer_kind::constant:
        value = init.mean;
        break;
      case initializer_kind::random_normal:
        value = mean + stddev * random.normal();
        break;
      case initializer_kind::truncated_normal:
        value = mean + stddev * random.truncated_normal();
        break;
      case initializer_kind::variance_scaling:
        value = init.uniform ? random.uniform(-limit, limit) : stddev * random.truncated_normal();
        break;
    }
}

/// Reads an `initializer` message.
inline initializer initializer_from(const settings& message) {
  const settings* chosen = message.chosen();
  if (chosen && chosen->name == "truncated_normal_initializer")
    return initializer::truncated_normal(chosen->get<float>("stddev"), chosen->get<float>("mean"));
  if (chosen && chosen->name == "random_normal_initializer")
    return initializer::random_normal(chosen->get<float>("stddev"), chosen->get<float>("mean"));
  if (chosen && chosen->name == "variance_scaling_initializer") {
    const auto mode = chosen->get<std::string>("mode");
    return initializer::variance_scaling(chosen->get<float>("factor"),
                                         mode == "FAN_IN"    ? fan_mode::fan_in
                                         : mode == "FAN_OUT" ? fan_mode::fan_out
                                                             : fan_mode::fan_avg,
                                         chosen->get<bool>("uniform"));
  }
  fail((chosen ? *chosen : message).where(), chosen ? "is not available" : "names no initializer",
       "; there are truncated_normal_initializer, random_normal_initializer, variance_scaling_initializer");
}

}  // namespace odt
