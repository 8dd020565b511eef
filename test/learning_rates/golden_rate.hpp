// SPDX-License-Identifier: MIT
#pragma once

#include <golden.hpp>
#include <json_settings.hpp>
#include <odt/core/any_of.hpp>
#include <odt/learning_rate.hpp>

#include <string>

namespace odt::test {

template <odt::learning_rate_schedule S>
void check_rates() {
  for (const auto& c : golden_cases("learning_rates/" + std::string(S::name))) {
    const auto rate = odt::detail::make_policy<S>(to_settings(c.params()));
    std::vector<float> rates;
    for (const auto step : c.in("steps").as<std::int64_t>()) rates.push_back(rate.at(step));
    check_close(rates, c.out("learning_rate"), c);
  }
}

}  // namespace odt::test
