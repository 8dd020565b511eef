// SPDX-License-Identifier: MIT
// What the machine can do at this moment: times mean little without it, for clocks drift and machines are shared.
#pragma once

#include <odt/core/thread_pool.hpp>
#include <odt/exec/cpu/vector_tools.hpp>

#include <algorithm>
#include <chrono>
#include <vector>

namespace odt::bench {

/// Seconds that f takes.
template <class F>
double seconds(F&& f) {
  const auto begin = std::chrono::steady_clock::now();
  f();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

/// Fused multiply-adds as fast as the registers allow, on all threads of the pool: FLOP/s, the best of `tries` runs of
/// about a millisecond.
inline double fma_peak(thread_pool& pool, int tries = 3) {
  constexpr int chains = 12, rounds = 100000;
  std::vector<float> sink(static_cast<std::size_t>(pool.size()) * 64);
  const auto body = [&](int, int thread) {
    cpu::vec sums[chains];
    cpu::unroll<chains>([&](auto i) { sums[i] = cpu::vec(static_cast<float>(i)); });
    const cpu::vec factor(0.9999f), term(1e-3f);
    for (int round = 0; round < rounds; ++round)
      cpu::unroll<chains>([&](auto i) { sums[i] = cpu::multiply_add(sums[i], factor, term); });
    cpu::unroll<chains>([&](auto i) {
      float* to = sink.data() + thread * 64;
      cpu::store(to, cpu::load(to) + sums[i]);
    });
  };
  double best = 1e300;
  for (int i = 0; i < tries; ++i) best = std::min(best, seconds([&] { pool.run(pool.size(), body); }));
  return 2.0 * chains * rounds * cpu::lanes * pool.size() / best;
}

/// a = b + factor*c over arrays far larger than the caches: bytes/s as the program counts them (12 a float), the best
/// of `tries`.
class memory_ceiling {
 public:
  explicit memory_ceiling(thread_pool& pool, std::size_t megabytes = 64)
      : pool_(pool), a_(megabytes << 18), b_(a_.size(), 1.0f), c_(a_.size(), 2.0f) {}

  double measure(int tries = 3) {
    double best = 1e300;
    for (int i = 0; i < tries; ++i) best = std::min(best, seconds([&] { triad(); }));
    return 12.0 * static_cast<double>(a_.size()) / best;
  }

 private:
  void triad() {
    const std::size_t part = a_.size() / static_cast<std::size_t>(pool_.size()) / 16 * 16;
    pool_.run(pool_.size(), [&](int chunk, int) {
      const std::size_t first = part * static_cast<std::size_t>(chunk);
      for (std::size_t i = first; i < first + part; i += cpu::lanes)
        cpu::store(&a_[i], cpu::multiply_add(cpu::vec(0.5f), cpu::load(&c_[i]), cpu::load(&b_[i])));
    });
  }

  thread_pool& pool_;
  std::vector<float> a_, b_, c_;
};

}  // namespace odt::bench
