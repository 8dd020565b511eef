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

/// Runs chunks of a loop on `size()` threads, the caller among them. Chunks go to threads by a static
/// partition (contiguous ranges), and what a chunk computes may not depend on the thread that runs it, so results are
/// the same bits for any number of threads. One loop at a time; not reentrant.
class thread_pool {
 public:
  /// `threads` in all; 0 means as many as the machine has.
  explicit thread_pool(int threads = 0);
  ~thread_pool();
  thread_pool(const thread_pool&) = delete;
  thread_pool& operator=(const thread_pool&) = delete;

  int size() const { return static_cast<int>(workers_.size()) + 1; }

  /// Calls body(chunk, thread) for every chunk in [0, chunks); returns when all are done. Bodies do not throw.
  template <class Body>
  void run(int chunks, Body&& body) {
    using body_type = std::remove_reference_t<Body>;
    run_erased(chunks, &body,
               [](void* context, int chunk, int thread) { (*static_cast<body_type*>(context))(chunk, thread); });
  }

 private:
  using erased = void (*)(void*, int, int);

  void run_erased(int chunks, const void* context, erased body);
  void run_share(int thread) const;
  void work(int thread);

  std::vector<std::thread> workers_;
  alignas(64) std::atomic<std::uint32_t> generation_{0};
  alignas(64) std::atomic<int> running_{0};
  std::atomic<bool> stop_{false};
  int chunks_ = 0;
  void* context_ = nullptr;
  erased body_ = nullptr;
};

}  // namespace odt

#if defined(ODT_HEADER_ONLY)
#include <odt/core/thread_pool.ipp>
#endif
