// SPDX-License-Identifier: MIT
// The same rate at every step.
#pragma once

#include <odt/learning_rate.hpp>

namespace odt {

struct constant_learning_rate {
  static constexpr std::string_view name = "constant_learning_rate";

  struct options {
    float learning_rate = 0.002f;

    static constexpr void fields(auto& o, auto&& field) { field("learning_rate", o.learning_rate); }
  };

  options opts{};

  constexpr float at(std::int64_t) const { return opts.learning_rate; }
};

}  // namespace odt
