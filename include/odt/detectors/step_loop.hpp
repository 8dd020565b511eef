// SPDX-License-Identifier: MIT
// Several train steps as one program of a device that would rather not be asked for each: the API's
// iterations_per_loop. Devices that can do so register a maker (pjrt.hpp).
#pragma once

#include <odt/core/error.hpp>
#include <odt/detector.hpp>

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

namespace odt {

class step_loop {
 public:
  virtual ~step_loop() = default;

  /// `count` train steps on a group's batches, the shards of each step behind one another, from step `first` of it on.
  /// The group lies there unchanged from its first step to its last. A report a step; a step that is not finite is the
  /// last.
  virtual std::vector<step_report> train(std::span<const batch> group, std::size_t first, std::size_t count) = 0;
  /// Before that, says which group comes after this one, so that it travels meanwhile; empty: none.
  virtual void announce(std::span<const batch> next) = 0;
};

/// Makes the loop of a detector, which outlives it, for groups of up to so many steps; null where its device has none.
using step_loop_maker = std::unique_ptr<step_loop> (*)(detector& model, int steps);

inline std::vector<step_loop_maker>& step_loop_makers() {
  static std::vector<step_loop_maker> makers;
  return makers;
}

inline std::unique_ptr<step_loop> make_step_loop(detector& model, int steps) {
  for (const step_loop_maker make : step_loop_makers())
    if (auto made = make(model, steps)) return made;
  return nullptr;
}

/// The loop that --iterations_per_loop asks for: null for one step, an error where the device has none.
inline std::unique_ptr<step_loop> require_step_loop(detector& model, int steps) {
  if (steps <= 1) return nullptr;
  auto loop = make_step_loop(model, steps);
  if (!loop)
    fail("--iterations_per_loop ", steps,
         ": only an accelerator (--device tpu or pjrt:FILE) takes several steps in one ",
         "go; a CPU and a GPU lose nothing between two steps, so leave the flag away");
  return loop;
}

}  // namespace odt
