// SPDX-License-Identifier: MIT
// Rates by hand: each entry of the schedule holds from its step on. With a warm-up the rate rises in a straight line
// from the initial one to that of the first entry.
#pragma once

#include <odt/core/error.hpp>
#include <odt/core/settings.hpp>
#include <odt/learning_rate.hpp>

#include <vector>

namespace odt {

/// One entry: `learning_rate` holds from `step` on.
struct manual_step {
  std::uint32_t step = 0;
  float learning_rate = 0.002f;

  static constexpr void fields(auto& o, auto&& field) {
    field("step", o.step);
    field("learning_rate", o.learning_rate);
  }
};

struct manual_step_learning_rate {
  static constexpr std::string_view name = "manual_step_learning_rate";

  /// The repeated message `schedule`.
  struct step_list : std::vector<manual_step> {
    using std::vector<manual_step>::vector;

    static step_list from(const settings& list) {
      step_list steps;
      for (const settings& entry : list.children) steps.push_back(read_options<manual_step>(entry));
      return steps;
    }
  };

  struct options {
    float initial_learning_rate = 0.002f;
    step_list schedule{};  ///< by rising step
    bool warmup = false;

    static constexpr void fields(auto& o, auto&& field) {
      field("initial_learning_rate", o.initial_learning_rate);
      field("schedule", o.schedule);
      field("warmup", o.warmup);
    }
  };

  options opts{};

  static void check(const options& o) {
    std::uint32_t last = 0;
    for (const manual_step& entry : o.schedule) {
      if (entry.step <= last)
        fail(name, ".schedule: step ", entry.step, " follows ", last, "; steps have to rise, from at least 1");
      last = entry.step;
    }
  }

  float at(std::int64_t step) const {
    if (opts.warmup && !opts.schedule.empty() && step < opts.schedule.front().step) return warming(step);
    float rate = opts.initial_learning_rate;
    for (const manual_step& entry : opts.schedule)
      if (step >= entry.step) rate = entry.learning_rate;
    return rate;
  }

 private:
  float warming(std::int64_t step) const {
    const manual_step& first = opts.schedule.front();
    const double initial = opts.initial_learning_rate, rise = first.learning_rate - initial;
    return static_cast<float>(initial + rise / first.step * static_cast<double>(step));
  }
};

}  // namespace odt
