// SPDX-License-Identifier: MIT
// The learning-rate schedule that pipeline.config asks for, as a value.
#pragma once

#include <odt/core/any_of.hpp>
#include <odt/learning_rates/constant.hpp>
#include <odt/learning_rates/cosine_decay.hpp>
#include <odt/learning_rates/exponential_decay.hpp>
#include <odt/learning_rates/manual_step.hpp>

namespace odt {

/// All schedules there are.
using learning_rate_schedules = any_of<constant_learning_rate, exponential_decay_learning_rate,
                                       manual_step_learning_rate, cosine_decay_learning_rate>;

/// One of the schedules; constant by default.
struct learning_rate {
  choice_of<learning_rate_schedules> schedule{};

  /// The rate of the step with that number; the first one is 0.
  float at(std::int64_t step) const {
    return std::visit([step](const auto& chosen) { return chosen.at(step); }, schedule);
  }
};

/// Reads a `learning_rate` message, e.g. learning_rate { constant_learning_rate { learning_rate: 0.002 } }. One that
/// is missing or names no schedule is refused.
inline learning_rate learning_rate_from(const settings& message) {
  if (!message.chosen())
    fail(message.where(), "names no schedule; there are ", join(names_of<learning_rate_schedules>, ", "));
  return {read_choice<learning_rate_schedules>(message)};
}

}  // namespace odt
