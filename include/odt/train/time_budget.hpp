// SPDX-License-Identifier: MIT
// A training of a given time, and its schedule with it. How many steps there will be is estimated anew with each step:
//   steps left = seconds left / seconds of this step,    position += (1 - position) / steps left.
// The position is the share of the schedule that is over; it grows steadily, never jumps, and is 1 when the time is up.
// Time that is spent between steps (checkpoints, evaluations) makes what is left of the schedule go faster.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

namespace odt {

class time_budget {
 public:
  /// Of `seconds` in all, `used` are over: those of a run that goes on, and the position is their share.
  explicit time_budget(double seconds, double used = 0) : seconds_(seconds), position_(std::min(used / seconds, 1.0)) {}

  /// A step took `step_seconds`, and ended when `used` seconds were over.
  void advance(double step_seconds, double used) {
    const double left = seconds_ - (used - step_seconds);  // when it began
    position_ = step_seconds < left ? position_ + (1 - position_) * step_seconds / left : 1;
  }

  bool over(double used) const { return used >= seconds_; }
  double position() const { return position_; }

  /// The step of a schedule of that many steps that the next train step takes its rate from.
  std::int64_t schedule_step(std::int64_t length) const {
    return std::llround(position_ * static_cast<double>(length));
  }

  /// Steps that are left at that pace.
  std::int64_t steps_left(double used, double seconds_a_step) const {
    return seconds_a_step > 0 ? std::llround(std::max(0.0, seconds_ - used) / seconds_a_step) : 0;
  }

 private:
  double seconds_, position_;
};

}  // namespace odt
