// SPDX-License-Identifier: MIT
#pragma once

#include <odt/core/intrinsics.hpp>
#include <odt/core/thread_pool.hpp>

#include <algorithm>

namespace odt {

namespace detail {

ODT_INLINE void spin_pause() {
#if defined(__x86_64__)
  _mm_pause();
#endif
}

}  // namespace detail

ODT_INLINE thread_pool::thread_pool(int threads)
    : shares_(std::max(threads > 0 ? static_cast<unsigned>(threads) : std::thread::hardware_concurrency(), 1u)) {
  for (int i = 1; i < size(); ++i) workers_.emplace_back([this, i] { work(i); });
}

ODT_INLINE thread_pool::~thread_pool() {
  stop_.store(true);
  generation_.fetch_add(1);
  generation_.notify_all();
  for (auto& worker : workers_) worker.join();
}

ODT_INLINE void thread_pool::run_erased(int chunks, const void* context, erased body) {
  if (workers_.empty() || chunks <= 1) {
    for (int chunk = 0; chunk < chunks; ++chunk) body(const_cast<void*>(context), chunk, 0);
    return;
  }
  const auto first = [&](int thread) { return static_cast<int>(std::int64_t{chunks} * thread / size()); };
  for (int t = 0; t < size(); ++t) {
    share& own = shares_[static_cast<std::size_t>(t)];
    own.next.store(first(t), std::memory_order_relaxed);
    own.end = first(t + 1);
  }
  context_ = const_cast<void*>(context);
  body_ = body;
  const std::uint32_t generation = generation_.load(std::memory_order_relaxed) + 1;
  const std::uint64_t inside = all_look_everywhere() ? 0 : workers_.size();
  loop_.store(std::uint64_t{generation} << 32 | inside, std::memory_order_release);
  generation_.store(generation, std::memory_order_release);
  generation_.notify_all();
  run_shares(0);
  loop_.fetch_or(closed, std::memory_order_acq_rel);
  for (int spins = 0; static_cast<std::uint32_t>(loop_.load(std::memory_order_acquire) & ~closed) != 0; ++spins)
    spins < 4096 ? detail::spin_pause() : std::this_thread::yield();
}

ODT_INLINE void thread_pool::run_shares(int thread) {
  for (int i = 0; i < std::min(size(), most_shares); ++i) {
    share& from = shares_[static_cast<std::size_t>((thread + i) % size())];
    while (from.next.load(std::memory_order_relaxed) < from.end) {
      const int chunk = from.next.fetch_add(1, std::memory_order_relaxed);
      if (chunk < from.end) body_(context_, chunk, thread);
    }
  }
}

/// Whether the worker takes part in the current loop. Where the caller has looked at all shares, a loop is closed when
/// no chunk is left, and who comes later, because its core was busy otherwise, is not waited for; on a large machine
/// all workers are in every loop.
ODT_INLINE bool thread_pool::enter(std::uint32_t& seen) {
  std::uint64_t loop = loop_.load(std::memory_order_acquire);
  for (;;) {
    const auto generation = static_cast<std::uint32_t>(loop >> 32);
    if (generation == seen || (all_look_everywhere() && (loop & closed) != 0)) {
      seen = generation;
      return false;
    }
    if (!all_look_everywhere() ||
        loop_.compare_exchange_weak(loop, loop + 1, std::memory_order_acq_rel, std::memory_order_acquire)) {
      seen = generation;
      return true;
    }
  }
}

ODT_INLINE void thread_pool::work(int thread) {
  std::uint32_t seen = 0;
  for (;;) {
    for (int spins = 0; generation_.load(std::memory_order_acquire) == seen; ++spins) {
      if (spins < 16384)
        detail::spin_pause();
      else
        generation_.wait(seen, std::memory_order_acquire);
    }
    if (stop_.load()) return;
    if (!enter(seen)) continue;
    run_shares(thread);
    loop_.fetch_sub(1, std::memory_order_release);
  }
}

}  // namespace odt
