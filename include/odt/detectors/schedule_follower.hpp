// SPDX-License-Identifier: MIT
// A detector whose learning rate can follow something else than its steps: a training of a given time moves it along
// the schedule by the clock.
#pragma once

#include <cstdint>

namespace odt {

class schedule_follower {
 public:
  virtual ~schedule_follower() = default;

  /// From now on the learning rate is the schedule's at this step, whatever global_step is.
  virtual void set_schedule_step(std::int64_t step) = 0;
};

}  // namespace odt
