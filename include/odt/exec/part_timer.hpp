// SPDX-License-Identifier: MIT
// Times the parts of a step that no plan lists, for whoever observes it.
#pragma once

#include <odt/detector.hpp>
#include <odt/nn/cost.hpp>

#include <chrono>
#include <functional>
#include <string>
#include <string_view>

namespace odt {

using step_observer = std::function<void(operation_time)>;

/// Tells the observer, if there is one, how long the timer lived.
class part_timer {
 public:
  part_timer(const step_observer& observer, std::string_view operation, const operation_cost& cost = {})
      : observer_(observer), operation_(operation), cost_(cost) {
    if (observer_) begin_ = std::chrono::steady_clock::now();
  }
  ~part_timer() {
    if (!observer_) return;
    const std::chrono::duration<double> time = std::chrono::steady_clock::now() - begin_;
    observer_({{},
               std::string(operation_),
               time.count(),
               static_cast<double>(cost_.flops),
               static_cast<double>(cost_.bytes)});
  }
  part_timer(const part_timer&) = delete;
  part_timer& operator=(const part_timer&) = delete;

 private:
  const step_observer& observer_;
  std::string_view operation_;
  operation_cost cost_;
  std::chrono::steady_clock::time_point begin_;
};

}  // namespace odt
