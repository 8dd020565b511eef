// SPDX-License-Identifier: MIT
// The few functions that make one formula serve a number and a SIMD batch alike. For a batch, the library's
// functions of the same names are found by argument-dependent lookup; these are for float and double.
#pragma once

#include <odt/core/target.hpp>

#include <concepts>

namespace odt {

/// `yes` where the condition holds, else `no`. Both are evaluated.
template <std::floating_point T>
ODT_HD constexpr T select(bool condition, T yes, T no) {
  return condition ? yes : no;
}

/// The smaller one; `b` when they cannot be compared, as vector instructions do.
template <std::floating_point T>
ODT_HD constexpr T min(T a, T b) {
  return a < b ? a : b;
}

/// The larger one; `b` when they cannot be compared.
template <std::floating_point T>
ODT_HD constexpr T max(T a, T b) {
  return a > b ? a : b;
}

}  // namespace odt
