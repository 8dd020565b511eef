// SPDX-License-Identifier: MIT
// Half a cosine (Loshchilov and Hutter, 2016) after a warm-up in a straight line and a hold:
//   step < warmup:          warmup_rate + (base - warmup_rate) step / warmup
//   step <= warmup + hold:  base                                                   (where there is a hold)
//   else:                   base / 2 (1 + cos(pi (step - warmup - hold) / (total - warmup - hold))), 0 past total
#pragma once

#include <odt/core/error.hpp>
#include <odt/learning_rate.hpp>

#include <cmath>
#include <numbers>

namespace odt {

struct cosine_decay_learning_rate {
  static constexpr std::string_view name = "cosine_decay_learning_rate";

  struct options {
    float learning_rate_base = 0.002f;
    std::uint32_t total_steps = 4000000;
    float warmup_learning_rate = 0.0002f;
    std::uint32_t warmup_steps = 10000;
    std::uint32_t hold_base_rate_steps = 0;

    static constexpr void fields(auto& o, auto&& field) {
      field("learning_rate_base", o.learning_rate_base);
      field("total_steps", o.total_steps);
      field("warmup_learning_rate", o.warmup_learning_rate);
      field("warmup_steps", o.warmup_steps);
      field("hold_base_rate_steps", o.hold_base_rate_steps);
    }
  };

  options opts{};

  static void check(const options& o) {
    if (std::int64_t{o.total_steps} <= std::int64_t{o.warmup_steps} + o.hold_base_rate_steps)
      fail(name, ".total_steps: ", o.total_steps, " steps end before warmup_steps and hold_base_rate_steps, ",
           std::int64_t{o.warmup_steps} + o.hold_base_rate_steps, ", are over; more are needed");
    if (o.warmup_steps > 0 && o.warmup_learning_rate > o.learning_rate_base)
      fail(name, ".warmup_learning_rate: ", o.warmup_learning_rate, " is above learning_rate_base, ",
           o.learning_rate_base, "; a warm-up rises");
  }

  float at(std::int64_t step) const {
    if (step > opts.total_steps) return 0;
    if (step < opts.warmup_steps) return warming(step);
    const std::int64_t flat = std::int64_t{opts.warmup_steps} + opts.hold_base_rate_steps;
    if (opts.hold_base_rate_steps > 0 && step <= flat) return opts.learning_rate_base;
    const float angle =
        std::numbers::pi_v<float> * static_cast<float>(step - flat) / static_cast<float>(opts.total_steps - flat);
    return 0.5f * opts.learning_rate_base * (1 + std::cos(angle));
  }

 private:
  float warming(std::int64_t step) const {
    const float rise = opts.learning_rate_base - opts.warmup_learning_rate;
    return rise / static_cast<float>(opts.warmup_steps) * static_cast<float>(step) + opts.warmup_learning_rate;
  }
};

}  // namespace odt
