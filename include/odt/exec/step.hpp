// SPDX-License-Identifier: MIT
// What a device does for a detector: its train step, its evaluation, its detections, over stores of variables that
// the host may look at between steps.
#pragma once

#include <odt/core/batch.hpp>
#include <odt/detector.hpp>
#include <odt/exec/part_timer.hpp>
#include <odt/nn/variable_layout.hpp>

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace odt {

/// Parallel flat stores, laid out by a variable_layout. Slots and averages cover the trainable part only.
struct variable_stores {
  std::span<float> values;
  std::span<float> gradients;
  std::vector<std::span<float>> slots;  ///< in the order of the optimizer's slot names
  std::span<float> averages;            ///< empty when none are kept
  std::span<float> scalars;             ///< in the order of the optimizer's scalars
};

class device_step {
 public:
  virtual ~device_step() = default;

  /// One train step with that learning rate on this process' shards; `step` is the number of steps done before.
  virtual step_report train(std::span<const batch> shards, float learning_rate, std::int64_t step) = 0;
  /// Says which batch the train step after the next one will get: see detector.
  virtual void announce(const batch&) {}
  /// Losses in evaluation mode.
  virtual step_report evaluate(const batch& b) = 0;
  /// Detections, normalized to the network's input without its padding.
  virtual std::vector<detections> detect(const batch& b) = 0;
  /// The network alone, in evaluation mode; where it has two stages, what follows from their predictions too.
  virtual void forward(const batch& b) = 0;
  /// The first layer of a forward run whose output is not finite, or empty.
  virtual std::string first_non_finite_layer(const batch& b) = 0;

  /// Whether raw images become images on the device. All of the above take them in any case.
  virtual bool makes_images() const { return false; }

  /// The stores, readable by the host between steps for the life of this object. Who writes calls this before, and
  /// again when evaluations have run since: a device keeps weights in other forms too, and makes them anew after it.
  virtual variable_stores stores() = 0;
  /// Bytes that are allocated for activations and gradients of activations.
  virtual std::int64_t arena_bytes() const = 0;
  /// Bytes that are allocated in all: the arena, the stores, and the workspaces beside them.
  virtual std::int64_t planned_bytes() const = 0;
  /// What planned_bytes() will be when steps of these shapes have run, and what there is. Allocates nothing.
  virtual memory_forecast foresee(std::span<const step_shape> steps) const = 0;
  /// Seconds that the device took for the last step, without the copy of its batch; 0 where nobody measures that.
  virtual double device_seconds() const { return 0; }
  /// From now on tells every operation's time, as it ends; an empty function ends that.
  virtual void observe(step_observer observer) = 0;
};

}  // namespace odt
