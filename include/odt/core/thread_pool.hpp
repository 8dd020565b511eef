// SPDX-License-Identifier: MIT
// A persistent pool for the loops of a train step: fork and join by spinning, no allocation, no lock.
#pragma once

#include <odt/core/target.hpp>

#include <atomic>
#include <cstdint>
#include <memory>
#include <thread>
#include <type_traits>
#include <vector>

namespace odt {

/// Runs chunks of a loop on `size()` threads, the caller among them. Each thread has a contiguous range of chunks, and
/// when it is through with its own it takes from its neighbours', so that a core that is slower, or busy otherwise,
/// holds up only the chunk that it is at, and one that does not come at all holds up nothing. What a chunk computes may
/// not depend on the thread that runs it, so results are the same bits for any number of threads. One loop at a time;
/// not reentrant.
class thread_pool {
 public:
  /// `threads` in all; 0 means as many as the machine has.
  explicit thread_pool(int threads = 0);
  ~thread_pool();
  thread_pool(const thread_pool&) = delete;
  thread_pool& operator=(const thread_pool&) = delete;

  int size() const { return static_cast<int>(shares_.size()); }

  /// Calls body(chunk, thread) for every chunk in [0, chunks); returns when all are done. Bodies do not throw.
  template <class Body>
  void run(int chunks, Body&& body) {
    using body_type = std::remove_reference_t<Body>;
    run_erased(chunks, &body,
               [](void* context, int chunk, int thread) { (*static_cast<body_type*>(context))(chunk, thread); });
  }

 private:
  using erased = void (*)(void*, int, int);
  struct alignas(64) share {
    std::atomic<int> next{0};
    int end = 0;
  };

  void run_erased(int chunks, const void* context, erased body);
  void run_shares(int thread);
  void work(int thread);
  bool enter(std::uint32_t& seen);
  bool all_look_everywhere() const { return size() <= most_shares; }

  static constexpr int most_shares = 16;  ///< looking at all of a large machine's would take longer than most loops
  static constexpr std::uint64_t closed = std::uint64_t{1} << 31;

  std::vector<share> shares_;  ///< of the threads; the first is the caller's
  std::vector<std::thread> workers_;
  alignas(64) std::atomic<std::uint32_t> generation_{0};
  /// Of the current loop: its generation (the upper 32 bits), whether it is closed, and how many workers are in it.
  alignas(64) std::atomic<std::uint64_t> loop_{closed};
  std::atomic<bool> stop_{false};
  void* context_ = nullptr;
  erased body_ = nullptr;
};

}  // namespace odt

#if defined(ODT_HEADER_ONLY)
#include <odt/core/thread_pool.ipp>
#endif
