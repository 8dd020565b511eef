// SPDX-License-Identifier: MIT
// Runs the plans of one network on a GPU: forward and backward, in one arena, as a sequence of launches that neither
// allocates nor waits once a batch and image size has been seen, so that a CUDA graph can hold it.
#pragma once

#include <odt/core/box.hpp>
#include <odt/core/precision.hpp>
#include <odt/exec/cuda/machine/tensor.hpp>
#include <odt/nn/plan.hpp>
#include <odt/nn/variable_layout.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

namespace odt::cuda {

/// Makes dropout a function of the step; the step's number lies in device memory.
struct dropout_key {
  std::uint64_t seed = 0;
  const std::uint64_t* step = nullptr;
};

class runner {
 public:
  virtual ~runner() = default;

  /// Makes the plan for a batch and image size current: lowered at first sight, then found again for a while.
  /// Invalidates what the buffers held.
  virtual void use_plan(int batch, size2 image, run_mode mode) = 0;
  virtual const plan& current() const = 0;

  /// Takes the input from float images [batch, height, width, 3] in device memory.
  virtual void read_images(cudaStream_t stream, const float* images) = 0;
  /// In train mode batch norms use the batch's statistics and move `values`' moving averages.
  virtual void forward(cudaStream_t stream, float* values, const dropout_key& key) = 0;
  /// Writes the gradients of all trainable variables.
  virtual void backward(cudaStream_t stream, const float* values, float* gradients) = 0;

  // Device memory of the current plan, float in every precision; null where the mode does not want the output.
  virtual float* output(int number) = 0;  ///< [batch, rows, columns]
  virtual float* output_gradient(int number) = 0;

  /// Bytes of the arena and all that lies beside it; runner_bytes (plan_memory.hpp) foretells them.
  virtual std::size_t bytes() const = 0;
  /// Changes when memory moved: graphs captured before are void.
  virtual int generation() const = 0;

  /// What a layer's reader sees, copied to the host dense: [batch, height, width, channels]. Only where the buffer
  /// still lives; see keep_all.
  virtual std::vector<float> values_of(int layer) = 0;
  /// From now on no two buffers share memory.
  virtual void keep_all(bool keep) = 0;

  /// Writes the boxes of a `regions` layer, [batch, capacity] in device memory, by work on the stream, when the outputs
  /// before it are there; for networks that have such layers.
  std::function<void(cudaStream_t stream, int layer, boxf* boxes)> choose_regions;

  /// Called as backward goes on, when set: the first `gradients` of the store are final where the stream is.
  std::function<void(cudaStream_t stream, std::int64_t gradients)> finished;

  /// Called with the milliseconds of every operation after it, when set; then a run waits for each.
  std::function<void(const plan_operation&, float)> observer;
};

/// Both must outlive the runner.
std::unique_ptr<runner> make_runner(const network& net, const variable_layout& layout, precision compute);

}  // namespace odt::cuda
