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
  running_.store(static_cast<int>(workers_.size()), std::memory_order_relaxed);
  generation_.fetch_add(1, std::memory_order_release);
  generation_.notify_all();
  run_shares(0);
  for (int spins = 0; running_.load(std::memory_order_acquire) != 0; ++spins)
    spins < 4096 ? detail::spin_pause() : std::this_thread::yield();
}

ODT_INLINE void thread_pool::run_shares(int thread) {
  constexpr int most_shares = 16;  // looking at all of a large machine's would take longer than most loops
  for (int i = 0; i < std::min(size(), most_shares); ++i) {
    share& from = shares_[static_cast<std::size_t>((thread + i) % size())];
    while (from.next.load(std::memory_order_relaxed) < from.end) {
      const int chunk = from.next.fetch_add(1, std::memory_order_relaxed);
      if (chunk < from.end) body_(context_, chunk, thread);
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
    ++seen;
    if (stop_.load()) return;
    run_shares(thread);
    running_.fetch_sub(1, std::memory_order_release);
  }
}

}  // namespace odt
