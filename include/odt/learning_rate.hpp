// SPDX-License-Identifier: MIT
// A learning-rate schedule says what rate a step has. It is evaluated on the host, in the precision of the API (float),
// and knows nothing of gradients or optimizers.
//
// Required of a schedule S:
//   float at(std::int64_t step) const        the rate of the step with that number; the first one is 0
// Laws: rates are finite and not negative; the same step gives the same rate.
// Schedules: learning_rates/{constant,exponential_decay,manual_step,cosine_decay}.hpp.
#pragma once

#include <odt/core/policy.hpp>

#include <concepts>
#include <cstdint>

namespace odt {

template <class S>
concept learning_rate_schedule = policy<S> && requires(const S& schedule, std::int64_t step) {
  { schedule.at(step) } -> std::same_as<float>;
};

}  // namespace odt
