// SPDX-License-Identifier: MIT
// Runs the plans of one network on the CPU: forward and backward, in one arena, without allocation once a batch and
// image size has been seen.
#pragma once

#include <odt/core/box.hpp>
#include <odt/core/precision.hpp>
#include <odt/core/thread_pool.hpp>
#include <odt/detector.hpp>
#include <odt/exec/cpu/convolution/packed_weights.hpp>
#include <odt/exec/cpu/machine/arena_memory.hpp>
#include <odt/exec/cpu/machine/tensor.hpp>
#include <odt/exec/cpu/passes/batch_norm.hpp>
#include <odt/exec/cpu/passes/elements.hpp>
#include <odt/exec/cpu/passes/gradient_sums.hpp>
#include <odt/exec/recently_used.hpp>
#include <odt/nn/arena.hpp>
#include <odt/nn/plan.hpp>
#include <odt/nn/variable_layout.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace odt::cpu {
inline namespace ODT_ISA {

/// Counters that make dropout a function of the step.
struct dropout_key {
  std::uint64_t seed = 0;
  std::uint64_t step = 0;
};

/// The plan that a runner makes: in evaluation, depthwise layers are fused with pointwise ones where that is quicker.
plan lower_for_cpu(const network& net, int batch, size2 image, run_mode mode);

class runner {
 public:
  /// Both must outlive the runner.
  runner(const network& net, const variable_layout& layout, thread_pool& pool, precision compute = precision::fp32);
  ~runner();

  /// Makes the plan for a batch and image size current: lowered at first sight, then found again for a while.
  /// Invalidates what the buffers held.
  void use_plan(int batch, size2 image, run_mode mode);

  /// The current plan.
  const plan& current() const;

  float* images();                     ///< [batch, height, width, 3], to be filled before forward
  float* output(int number);           ///< [batch, rows, columns], after forward
  float* output_gradient(int number);  ///< to be filled before backward

  /// Runs the network. In train mode batch norms use the batch's statistics and move `values`' moving averages. In
  /// evaluation mode the convolutions' weights are those of the first pass since forget_weights().
  void forward(float* values, const dropout_key& key);

  /// Writes the gradients of all trainable variables (parallel to `values`). finished(n), when given, is told whenever
  /// more of the first n of them are final.
  void backward(const float* values, float* gradients, const std::function<void(std::int64_t)>& finished = {});

  /// To be called whenever weights may have changed: evaluation passes keep them packed from one to the next.
  void forget_weights() { packed_.forget(); }

  /// Bytes of the arena, scratch memory included, for all plans seen so far.
  std::size_t arena_bytes() const { return memory_.size(); }
  /// Bytes of scratch memory within the arena.
  std::size_t scratch_bytes() const { return scratch_bytes_; }
  /// Bytes of packed weights, beside the arena.
  std::size_t packed_bytes() const { return packed_.bytes(); }
  /// What both will be in all when steps of these shapes have run too. Allocates none of it.
  std::size_t bytes_with(std::span<const step_shape> steps) const;

  /// What a layer's reader sees, copied out dense: [batch, height, width, channels]. Only where the buffer still
  /// lives: use keep_all for tests.
  std::vector<float> values_of(int layer);

  /// From now on no two buffers share memory, so that `values_of` every layer are there after a run.
  void keep_all(bool keep);

  /// Writes the boxes of a `regions` layer, [batch, capacity], when the outputs before it are there; for networks that
  /// have such layers.
  std::function<void(int layer, boxf* boxes)> choose_regions;

  /// When set, batch norms in training have the statistics of the batches of all ranks, whose runners run the same
  /// plan.
  rank_sums sum_over_ranks;

  /// Called with the seconds of every operation after it, when set: for `odt bench --layers`.
  std::function<void(const plan_operation&, double)> observer;

 private:
  struct placed_plan;

  tensor at(const tensor_view& v) const;
  const_tensor reading_of(const tensor_view& v) const;
  pending transform_of(const pending_place& place) const;
  const_tensor input(const plan_operation& op, int number = 0) const;
  tensor written(const plan_operation& op) const;
  gradient_sums sums_of(const tensor_view& v);
  batch_statistics statistics_of(int affine);
  void run(const plan_operation& op, float* values, float* gradients);
  void run_forward(const plan_operation& op, float* values);
  void convolve(const plan_operation& op, const float* values);
  void convolve_separable(const plan_operation& op, const float* values);
  void normalize(int layer, float* values);
  void drop(const plan_operation& op);
  void crop(const plan_operation& op);
  void crop_backward(const plan_operation& op);
  const boxf* boxes_of(const plan_operation& op) const;
  void run_backward(const plan_operation& op, const float* values, float* gradients);
  void differentiate(const plan_operation& op, const float* values, float* gradients);
  void normalize_backward(const plan_operation& op, float* gradients);
  void convolve_backward(const plan_operation& op, const float* values, float* gradients);
  void add_to_earlier(const plan_operation& op, float* gradients, const std::function<void()>& work);
  dropout_choice choice_of(int layer) const;
  std::size_t scratch_of(const plan& p) const;
  packed_weights::request convolution_of(const plan& p, int layer) const;
  std::vector<packed_weights::request> convolutions_of(const plan& p) const;
  void observe(const plan_operation& op, const std::function<void()>& work);

  const network& net_;
  const variable_layout& layout_;
  thread_pool& pool_;
  precision precision_;
  recently_used<placed_plan> plans_;
  placed_plan* current_ = nullptr;
  arena_memory memory_;
  std::size_t scratch_bytes_ = 0;
  packed_weights packed_;
  std::vector<float> scale_, shift_, mean_, inv_std_, sum_, product_;  ///< by the plan's `affine`
  std::vector<float> earlier_;                                         ///< gradients of variables that are shared
  dropout_key key_;
  bool keep_all_ = false;
};

}  // namespace ODT_ISA
}  // namespace odt::cpu

#if defined(ODT_HEADER_ONLY)
#include <odt/exec/cpu/runner.ipp>
#include <odt/exec/cpu/runner_backward.ipp>
#include <odt/exec/cpu/runner_forward.ipp>
#endif
