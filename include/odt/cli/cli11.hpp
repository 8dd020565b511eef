// SPDX-License-Identifier: MIT
// The door to CLI11, with checks whose ranges do not clutter the help.
#pragma once

#include <CLI/CLI.hpp>

namespace odt::detail::cli {

template <class Number>
CLI::Validator between(Number low, Number high) {
  return CLI::Range(low, high).description("");
}

/// At least 1.
inline CLI::Validator positive() { return between(1, 2147483647); }

/// At least 0.
inline CLI::Validator not_negative() { return between(0.0, 1e18); }

}  // namespace odt::detail::cli
