// SPDX-License-Identifier: MIT
// Exponential decay after a constant burn-in:
//   rate = max(minimum, initial * factor^((step - burnin_steps) / decay_steps)), with a whole exponent for a staircase
// The minimum holds during burn-in too; a burn-in without a rate of its own has the initial one.
#pragma once

#include <odt/core/error.hpp>
#include <odt/learning_rate.hpp>

#include <algorithm>
#include <cmath>

namespace odt {

struct exponential_decay_learning_rate {
  static constexpr std::string_view name = "exponential_decay_learning_rate";

  struct options {
    float initial_learning_rate = 0.002f;
    std::uint32_t decay_steps = 4000000;
    float decay_factor = 0.95f;
    bool staircase = true;
    float burnin_learning_rate = 0;
    std::uint32_t burnin_steps = 0;
    float min_learning_rate = 0;

    static constexpr void fields(auto& o, auto&& field) {
      field("initial_learning_rate", o.initial_learning_rate);
      field("decay_steps", o.decay_steps);
      field("decay_factor", o.decay_factor);
      field("staircase", o.staircase);
      field("burnin_learning_rate", o.burnin_learning_rate);
      field("burnin_steps", o.burnin_steps);
      field("min_learning_rate", o.min_learning_rate);
    }
  };

  options opts{};

  static void check(const options& o) {
    if (o.decay_steps == 0) fail(name, ".decay_steps: is 0; at least 1 is needed");
  }

  float at(std::int64_t step) const {
    return std::max(step < opts.burnin_steps ? burnin() : decayed(step - opts.burnin_steps), opts.min_learning_rate);
  }

 private:
  float burnin() const {
    return opts.burnin_learning_rate == 0 ? opts.initial_learning_rate : opts.burnin_learning_rate;
  }
  float decayed(std::int64_t step) const {
    const float periods = static_cast<float>(step) / static_cast<float>(opts.decay_steps);
    return opts.initial_learning_rate * std::pow(opts.decay_factor, opts.staircase ? std::floor(periods) : periods);
  }
};

}  // namespace odt
