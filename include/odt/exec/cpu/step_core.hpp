// SPDX-License-Identifier: MIT
// What every family of detectors has on the CPU: the network's runner, the stores of variables and their update. A
// family adds its targets, losses and detections.
#pragma once

#include <odt/core/any_of.hpp>
#include <odt/core/picture_job.hpp>
#include <odt/core/thread_pool.hpp>
#include <odt/exec/communicator.hpp>
#include <odt/exec/cpu/passes/update.hpp>
#include <odt/exec/cpu/runner.hpp>
#include <odt/exec/part_timer.hpp>
#include <odt/exec/step.hpp>
#include <odt/image_resizer.hpp>
#include <odt/nn/cost.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <span>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace odt::cpu {
inline namespace ODT_ISA {

/// Optimizer is an axis: a policy, or any_of several.
template <class Optimizer>
class step_core : public device_step {
 public:
  /// The references must outlive the step.
  step_core(const choice_of<Optimizer>& how, const update_options& update, const network& net,
            const variable_layout& layout, const run_options& run)
      : net_(net),
        pool_(run.threads),
        runner_(net, layout, pool_, run.compute.value_or(precision::fp32)),
        optimizer_(how),
        update_(update),
        layout_(layout),
        seed_(run.seed),
        ranks_(run.ranks),
        values_(static_cast<std::size_t>(layout.floats)),
        gradients_(static_cast<std::size_t>(layout.trainable_floats)),
        plan_(cut(layout.variables, layout.trainable_floats)) {
    const std::size_t slots = std::visit([](const auto& o) { return o.slots.size(); }, optimizer_);
    for (std::size_t s = 0; s < slots; ++s) slots_.emplace_back(gradients_.size());
    if (update_.average) averages_.resize(gradients_.size());
    std::visit([this](const auto& o) { scalars_.resize(o.scalars.size()); }, optimizer_);
  }

  void forward(const batch& b) override { infer(b); }

  std::string first_non_finite_layer(const batch& b) override {
    runner_.keep_all(true);
    load_batch(b, run_mode::train);
    std::vector<float> values(values_.begin(), values_.end());  // batch norm would move the averages
    runner_.forward(values.data(), {seed_, 0});
    std::string first;
    for (int l = 0; l < net_.size() && first.empty(); ++l) {
      if (!runner_.current().of(l).live) continue;
      const std::vector<float> output = runner_.values_of(l);
      if (!std::ranges::all_of(output, [](float x) { return std::isfinite(x); })) first = net_[l].name;
    }
    runner_.keep_all(false);
    return first;
  }

  variable_stores stores() override {
    runner_.forget_weights();
    variable_stores s{values_, gradients_, {}, averages_, scalars_};
    for (auto& slot : slots_) s.slots.push_back(slot);
    return s;
  }

  std::int64_t arena_bytes() const override { return static_cast<std::int64_t>(runner_.arena_bytes()); }

  std::int64_t planned_bytes() const override {
    std::size_t bytes = bytes_of(values_, gradients_, averages_) + workspace_bytes() + runner_.packed_bytes();
    for (const auto& slot : slots_) bytes += bytes_of(slot);
    return arena_bytes() + static_cast<std::int64_t>(bytes);
  }

  /// The family's workspaces of sizes to come, a small part, are not in it.
  memory_forecast foresee(std::span<const step_shape> steps) const override {
    const std::int64_t own = planned_bytes(), available = available_memory();
    const auto runs = static_cast<std::int64_t>(runner_.arena_bytes() + runner_.packed_bytes());
    return {own - runs + static_cast<std::int64_t>(runner_.bytes_with(steps)), available > 0 ? available + own : 0,
            false};
  }

  void observe(step_observer observer) override {
    observer_ = std::move(observer);
    runner_.observer = {};
    if (!observer_) return;
    runner_.observer = [this](const plan_operation& op, double seconds) {
      if (op.kind == operation::regions) return;  // the family times what chooses them
      const operation_cost cost = cost_of(net_, runner_.current(), op);
      observer_({net_[op.layer].name, std::string(name_of(op.kind)), seconds, static_cast<double>(cost.flops),
                 static_cast<double>(cost.bytes)});
    };
  }

  /// The plans' interpreter, for tests and benchmarks that look into a step.
  runner& network_runner() { return runner_; }

 protected:
  template <class... Vectors>
  static std::size_t bytes_of(const Vectors&... vectors) {
    return ((vectors.size() * sizeof(vectors[0])) + ...);
  }

  /// Bytes of what the family keeps beside.
  virtual std::size_t workspace_bytes() const = 0;

  /// Told of every batch before its network runs, for families that choose regions meanwhile.
  virtual void begin(const batch& /*b*/, run_mode /*mode*/) {}

  /// The network's outputs for a batch in evaluation mode.
  void infer(const batch& b) {
    load_batch(b, run_mode::infer);
    runner_.forward(values_.data(), {});
  }

  /// The network's outputs for a batch of a train step, with its statistics.
  void propagate(const batch& b, std::int64_t step) {
    load_batch(b, run_mode::train);
    runner_.forget_weights();
    runner_.forward(values_.data(), {seed_, static_cast<std::uint64_t>(step)});
  }

  /// From the gradients of the outputs to new values; where the losses are not finite, no trained variable
  /// changes.
  update_report learn(bool finite_losses, float learning_rate) {
    if (ranks_)
      runner_.backward(values_.data(), gradients_.data(), [this](std::int64_t finished) {
        ranks_->finished(std::span(gradients_.data(), static_cast<std::size_t>(finished)));
      });
    else
      runner_.backward(values_.data(), gradients_.data());
    if (ranks_) ranks_->wait();
    return finite_losses ? update_variables(learning_rate) : update_report{.finite = false};
  }

  /// What the regularizers cost in an evaluation.
  double penalty() { return update_.regularize ? regularization_loss(pool_, plan_, values_.data()) : 0.0; }

  const network& net_;
  thread_pool pool_;
  runner runner_;
  step_observer observer_;

  communicator* ranks() const { return ranks_; }

 private:
  void load_batch(const batch& b, run_mode mode) {
    runner_.use_plan(b.size, {b.height, b.width}, mode);
    begin(b, mode);
    read_images(b);
  }

  void read_images(const batch& b) {
    const part_timer timer(observer_, "copy images", {0, 24 * std::int64_t{b.size} * b.height * b.width});
    const std::ptrdiff_t line = std::ptrdiff_t{3} * b.width;
    float* const images = runner_.images();
    if (b.raws.empty())
      return pool_.run(b.size * b.height,
                       [&](int y, int) { std::copy_n(b.images.data() + y * line, line, images + y * line); });
    check_raws(b);
    pool_.run(b.size, [&](int i, int) {
      resize_scratch scratch;
      make_image(b, i, images + i * b.height * line, scratch);
    });
  }

  update_report update_variables(float learning_rate) {
    const part_timer timer(observer_, "update",
                           update_cost(layout_.trainable_floats, static_cast<int>(slots_.size()), !averages_.empty()));
    return std::visit(
        [&]<optimizer O>(const O& how) {
          update_stores stores{values_.data(), gradients_.data(), {}, averages_.empty() ? nullptr : averages_.data()};
          for (auto& slot : slots_) stores.slots.push_back(slot.data());
          optimizer_scalars<O> scalars{};
          for (std::size_t s = 0; s < scalars.size(); ++s) scalars[s] = scalars_[s];
          const update_report report = update(pool_, how, scalars, update_, learning_rate, plan_, stores);
          for (std::size_t s = 0; s < scalars.size(); ++s) scalars_[s] = scalars[s];
          return report;
        },
        optimizer_);
  }

  const choice_of<Optimizer>& optimizer_;
  const update_options& update_;
  const variable_layout& layout_;
  std::uint64_t seed_;
  communicator* ranks_;
  aligned_vector<float> values_, gradients_, averages_;
  std::vector<aligned_vector<float>> slots_;
  std::vector<float> scalars_;
  update_plan plan_;
};

}  // namespace ODT_ISA
}  // namespace odt::cpu
