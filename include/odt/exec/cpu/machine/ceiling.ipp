// SPDX-License-Identifier: MIT
#pragma once

#include <odt/core/target.hpp>
#include <odt/exec/cpu/convolution/amx.hpp>
#include <odt/exec/cpu/machine/ceiling.hpp>
#include <odt/exec/cpu/machine/vector_tools.hpp>

#include <algorithm>
#include <chrono>

namespace odt::cpu {
inline namespace ODT_ISA {

namespace detail {

/// Seconds of the quickest of `tries` runs, or of more: new threads share a core for up to 40 ms.
template <class Work>
double quickest(int tries, const Work& work) {
  constexpr double least = 0.1;
  double best = 1e300, all = 0;
  for (int i = 0; i < tries || all < least; ++i) {
    const auto begin = std::chrono::steady_clock::now();
    work();
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    best = std::min(best, seconds), all += seconds;
  }
  return best;
}

/// FLOP/s of sums that multiply(sum, factor, term) goes on with, `flops` a lane.
template <class Multiply>
double vector_peak(thread_pool& pool, int tries, int flops, const Multiply& multiply) {
  constexpr int chains = 12, rounds = 100000;
  std::vector<float> sink(static_cast<std::size_t>(pool.size()) * 64);
  const auto body = [&](int, int thread) {
    vec sums[chains];
    unroll<chains>([&](auto i) { sums[i] = vec(static_cast<float>(i)); });
    const vec factor(0.9999f), term(1e-3f);
    for (int round = 0; round < rounds; ++round)
      unroll<chains>([&](auto i) { sums[i] = multiply(sums[i], factor, term); });
    unroll<chains>([&](auto i) {
      float* to = sink.data() + thread * 64;
      store(to, load(to) + sums[i]);
    });
  };
  const double best = quickest(tries, [&] { pool.run(pool.size(), body); });
  return 1.0 * flops * chains * rounds * lanes * pool.size() / best;
}

#if ODT_AMX
/// FLOP/s of four tiles of sums, whose products hide each other's latency.
inline double tile_peak(thread_pool& pool, int tries) {
  constexpr int sums = 4, rounds = 20000;
  const auto body = [](int, int) {
    const amx_tiles::session session;  // zeros all tiles
    for (int round = 0; round < rounds; ++round)
      unroll<sums>([](auto i) { amx_tiles::dot<i, 4 + i / 2, 6 + i % 2>(); });
  };
  const double best = quickest(tries, [&] { pool.run(pool.size(), body); });
  return 4.0 * amx_size * amx_size * amx_size * sums * rounds * pool.size() / best;
}
#endif

}  // namespace detail

ODT_INLINE double fma_peak(thread_pool& pool, int tries) {
  return detail::vector_peak(pool, tries, 2, [](const vec& sum, const vec& factor, const vec& term) {
    return multiply_add(sum, factor, term);
  });
}

ODT_INLINE double bf16_peak(thread_pool& pool, int tries) {
#if ODT_AMX
  if (amx_permitted()) return detail::tile_peak(pool, tries);
#endif
#if defined(__AVX512BF16__)
  return detail::vector_peak(pool, tries, 4, [](const vec& sum, const vec& factor, const vec& term) {
    return bf16_product::multiply(factor, term, sum);
  });
#else
  return fma_peak(pool, tries);
#endif
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
