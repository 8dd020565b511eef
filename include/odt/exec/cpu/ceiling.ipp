// SPDX-License-Identifier: MIT
#pragma once

#include <odt/core/target.hpp>
#include <odt/exec/cpu/ceiling.hpp>
#include <odt/exec/cpu/vector_tools.hpp>

#include <algorithm>
#include <chrono>

namespace odt::cpu {
inline namespace ODT_ISA {

namespace detail {

/// Seconds of the quickest of `tries` runs.
template <class Work>
double quickest(int tries, const Work& work) {
  double best = 1e300;
  for (int i = 0; i < tries; ++i) {
    const auto begin = std::chrono::steady_clock::now();
    work();
    best = std::min(best, std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
  }
  return best;
}

}  // namespace detail

ODT_INLINE double fma_peak(thread_pool& pool, int tries) {
  constexpr int chains = 12, rounds = 100000;
  std::vector<float> sink(static_cast<std::size_t>(pool.size()) * 64);
  const auto body = [&](int, int thread) {
    vec sums[chains];
    unroll<chains>([&](auto i) { sums[i] = vec(static_cast<float>(i)); });
    const vec factor(0.9999f), term(1e-3f);
    for (int round = 0; round < rounds; ++round)
      unroll<chains>([&](auto i) { sums[i] = multiply_add(sums[i], factor, term); });
    unroll<chains>([&](auto i) {
      float* to = sink.data() + thread * 64;
      store(to, load(to) + sums[i]);
    });
  };
  const double best = detail::quickest(tries, [&] { pool.run(pool.size(), body); });
  return 2.0 * chains * rounds * lanes * pool.size() / best;
}

ODT_INLINE memory_ceiling::memory_ceiling(thread_pool& pool, std::size_t megabytes)
    : pool_(pool), a_(megabytes << 18), b_(a_.size(), 1.0f), c_(a_.size(), 2.0f) {}

ODT_INLINE double memory_ceiling::measure(int tries) {
  return 12.0 * static_cast<double>(a_.size()) / detail::quickest(tries, [this] { triad(); });
}

ODT_INLINE void memory_ceiling::triad() {
  const std::size_t part = a_.size() / static_cast<std::size_t>(pool_.size()) / 16 * 16;
  pool_.run(pool_.size(), [&](int chunk, int) {
    const std::size_t first = part * static_cast<std::size_t>(chunk);
    for (std::size_t i = first; i < first + part; i += lanes)
      store(&a_[i], multiply_add(vec(0.5f), load(&c_[i]), load(&b_[i])));
  });
}

}  // namespace ODT_ISA
}  // namespace odt::cpu
