// SPDX-License-Identifier: MIT
// Times the parts of a step that no plan lists, for whoever observes it.
#pragma once

#include <odt/exec/cuda/machine/graph.hpp>
#include <odt/exec/part_timer.hpp>

#include <string>
#include <string_view>

namespace odt::cuda {

/// Tells the observer, if there is one, how long the stream took for what was launched while the timer lived.
class part_timer {
 public:
  part_timer(const step_observer& observer, event_clock& clock, const stream& on, std::string_view operation)
      : observer_(observer), clock_(clock), stream_(on), operation_(operation) {
    if (observer_) clock_.begin(stream_);
  }
  ~part_timer() {
    if (!observer_) return;
    clock_.end(stream_);
    cudaStreamSynchronize(stream_);
    observer_({{}, std::string(operation_), clock_.seconds(), 0, 0});
  }
  part_timer(const part_timer&) = delete;
  part_timer& operator=(const part_timer&) = delete;

 private:
  const step_observer& observer_;
  event_clock& clock_;
  const stream& stream_;
  std::string_view operation_;
};

}  // namespace odt::cuda
