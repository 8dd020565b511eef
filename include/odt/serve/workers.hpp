// SPDX-License-Identifier: MIT
// Threads that take work off a queue.
#pragma once

#include <functional>
#include <memory>

namespace odt::serve {

class workers {
 public:
  explicit workers(int threads);
  /// Does what is queued, then ends.
  ~workers();
  workers(const workers&) = delete;
  workers& operator=(const workers&) = delete;

  /// Work throws nothing.
  void post(std::function<void()> work);

 private:
  struct state;
  std::unique_ptr<state> state_;
};

}  // namespace odt::serve

#if defined(ODT_HEADER_ONLY)
#include <odt/serve/workers.ipp>
#endif
