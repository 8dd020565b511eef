// SPDX-License-Identifier: MIT
// Requests of many clients as batches of one detector.
#pragma once

#include <odt/detector.hpp>
#include <odt/serve/images.hpp>
#include <odt/serve/status.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

namespace odt::serve {

using clock = std::chrono::steady_clock;

struct batch_options {
  int max_batch_size = 8;
  std::int64_t timeout_micros = 0;         ///< that an image waits for others; 0: none, as batches fill by themselves
  int max_enqueued_batches = 100;          ///< more images than that many batches are refused
  std::vector<int> allowed_batch_sizes{};  ///< rising, the last is max_batch_size; empty: 1, 2, 4, ... and that

  /// A failure says what does not fit.
  void check() const;
  std::vector<int> sizes() const;
  std::size_t capacity() const {
    return static_cast<std::size_t>(max_batch_size) * static_cast<std::size_t>(max_enqueued_batches);
  }
};

/// What happens in batchers, for whoever counts it.
struct batch_observer {
  std::function<void(int images, double seconds)> batch{};
  std::function<void(std::size_t images)> queue{};
};

/// What becomes of a request's images, in their order; where the status is not ok, of none of them.
using found_images = std::function<void(const status&, std::vector<detections>)>;

/// A thread of its own that takes images off a bounded queue and has the detector look at them, as many at once as
/// there are of one size. It never waits for more while it could work, unless timeout_micros says so. What is cancelled
/// or past its deadline when its turn comes is answered without being looked at.
class batcher {
 public:
  /// `turn` is held while the detector computes: batchers that share a device share it. All must outlive this.
  batcher(detector& model, batch_options how, std::mutex& turn, batch_observer watch = {});
  /// Answers what is still waiting with UNAVAILABLE.
  ~batcher();
  batcher(const batcher&) = delete;
  batcher& operator=(const batcher&) = delete;

  /// Calls `done` once, from the batcher's thread; or throws: RESOURCE_EXHAUSTED where the queue is full.
  void submit(std::vector<prepared_image> images, clock::time_point deadline, found_images done,
              std::function<bool()> cancelled = {});

  /// Has batches of every allowed size computed, so that the first request finds all plans made.
  void warm_up();

  std::size_t waiting() const;
  const batch_options& options() const;

 private:
  struct state;
  std::unique_ptr<state> state_;
};

}  // namespace odt::serve

#if defined(ODT_HEADER_ONLY)
#include <odt/serve/batcher.ipp>
#endif
