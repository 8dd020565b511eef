// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>

namespace odt::bench {

/// Seconds that f takes.
template <class F>
double seconds(F&& f) {
  const auto begin = std::chrono::steady_clock::now();
  f();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

}  // namespace odt::bench
