// SPDX-License-Identifier: MIT
// What the programs that time single kernels share.
#pragma once

#include <odt/core/thread_pool.hpp>

#include <chrono>
#include <cstdlib>

namespace odt::bench {

/// A number in the environment.
inline int number(const char* variable, int otherwise) {
  return std::getenv(variable) ? std::atoi(std::getenv(variable)) : otherwise;
}

inline const int batch_size = number("ODT_BATCH", 8);

/// ODT_THREADS threads, or two.
inline thread_pool& pool() {
  static thread_pool the_pool(number("ODT_THREADS", 2));
  return the_pool;
}

/// Seconds that f takes.
template <class F>
double seconds(F&& f) {
  const auto begin = std::chrono::steady_clock::now();
  f();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

}  // namespace odt::bench
