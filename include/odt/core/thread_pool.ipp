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

ODT_INLINE thread_pool::thread_pool(int threads) {
  const int wanted = threads > 0 ? threads : static_cast<int>(std::thread::hardware_concurrency());
  for (int i = 1; i < std::max(wanted, 1); ++i) workers_.emplace_back([this, i] { work(i); });
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
  chunks_ = chunks;
  context_ = const_cast<void*>(context);
  body_ = body;
  running_.store(static_cast<int>(workers_.size()), std::memory_order_relaxed);
  generation_.fetch_add(1, std::memory_order_release);
  generation_.notify_all();
  run_share(0);
  for (int spins = 0; running_.load(std::memory_order_acquire) != 0; ++spins)
    spins < 4096 ? detail::spin_pause() : std::this_thread::yield();
}

ODT_INLINE void thread_pool::run_share(int thread) const {
  const auto share = [this](int t) { return static_cast<int>(static_cast<std::int64_t>(chunks_) * t / size()); };
  for (int chunk = share(thread); chunk < share(thread + 1); ++chunk) body_(context_, chunk, thread);
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
    run_share(thread);
    running_.fetch_sub(1, std::memory_order_release);
  }
}

}  // namespace odt
