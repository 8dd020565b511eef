// SPDX-License-Identifier: MIT
// What every family of detectors has on the CPU: the network's runner, the stores of variables and their update. A
// family adds its targets, losses and detections.
#pragma once

#include <odt/core/any_of.hpp>
#include <odt/core/error.hpp>
#include <odt/core/picture_job.hpp>
#include <odt/core/thread_pool.hpp>
#include <odt/exec/communicator.hpp>
#include <odt/exec/cpu/passes/update.hpp>
#include <odt/exec/cpu/runner.hpp>
#include <odt/exec/pairwise_sum.hpp>
#include <odt/exec/part_timer.hpp>
#include <odt/exec/step.hpp>
#include <odt/image_resizer.hpp>
#include <odt/nn/cost.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <functional>
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
        shards_(run.shards),
        trained_(static_cast<std::size_t>(layout.trainable_floats)),
        values_(static_cast<std::size_t>(layout.floats)),
        gradients_(sharded() ? values_.size() : trained_),
        plan_(cut(layout.variables, layout.trainable_floats)) {
    const std::size_t slots = std::visit([](const auto& o) { return o.slots.size(); }, optimizer_);
    for (std::size_t s = 0; s < slots; ++s) slots_.emplace_back(trained_);
    if (update_.average) averages_.resize(trained_);
    std::visit([this](const auto& o) { scalars_.resize(o.scalars.size()); }, optimizer_);
    if (!run.sync_batch_norm || !ranks_) return;
    if (shards_ > 1)
      fail("run_options::sync_batch_norm: a rank's norms can wait for one shard of each other rank, and this one has ",
           shards_, " shards; train with one");
    sum_statistics_ = [this](std::span<double> numbers) { sum_over_ranks(ranks_, numbers); };
    runner_.sum_over_ranks = sum_statistics_;
  }

  void forward(const batch& b) override { infer(b); }

  std::string first_non_finite_layer(const batch& b) override {
    runner_.keep_all(true);
    load_batch(b, run_mode::train);
    std::vector<float> values(values_.begin(), values_.end());  // batch norm would move the averages
    runner_.sum_over_ranks = {};                                // this rank asks alone
    runner_.forward(values.data(), {seed_, 0});
    runner_.sum_over_ranks = sum_statistics_;
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
    variable_stores s{values_, std::span(gradients_).first(trained_), {}, averages_, scalars_};
    for (auto& slot : slots_) s.slots.push_back(slot);
    return s;
  }

  std::int64_t arena_bytes() const override { return static_cast<std::int64_t>(runner_.arena_bytes()); }

  std::int64_t planned_bytes() const override {
    std::size_t bytes = bytes_of(values_, gradients_, averages_) + workspace_bytes() + runner_.packed_bytes();
    if (sharded())
      bytes += bytes_of(before_) + pairwise_sum<float>::bytes_for(static_cast<std::size_t>(shards_), gradients_.size());
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

  /// Makes the plan for batches of that shape current.
  void use_plan(const batch& b, run_mode mode) { runner_.use_plan(b.size, {b.height, b.width}, mode); }

  /// The network's outputs for a batch in evaluation mode.
  void infer(const batch& b) {
    load_batch(b, run_mode::infer);
    runner_.forward(values_.data(), {});
  }

  /// The shards of this process, and of all ranks.
  int shards() const { return shards_; }
  int all_shards() const { return shards_ * (ranks_ ? ranks_->ranks() : 1); }

  /// The sum over all shards of numbers that numbers_of(shard) gives for those of this process, in the order of a
  /// pairwise_sum.
  template <std::size_t Count, class NumbersOf>
  std::array<double, Count> sum_over_shards(const NumbersOf& numbers_of) {
    pairwise_sum<double> sum;
    std::array<double, Count> numbers = numbers_of(0);
    for (int shard = 1; shard < shards_; ++shard) sum.add(numbers), numbers = numbers_of(shard);
    sum.finish(numbers, 0, Count);
    sum_over_ranks(ranks_, numbers);
    return numbers;
  }

  /// The sum of the gradients over all shards. losses_of(shard) is called when the network has run, and leaves the
  /// gradients of the outputs.
  template <class LossesOf>
  void differentiate(std::span<const batch> shards, std::int64_t step, const LossesOf& losses_of) {
    sums_.clear(), handed_over_ = 0;
    if (ranks_) ranks_->begin(step + 1);
    for (int shard = 0; shard < shards_; ++shard) {
      propagate(shards[static_cast<std::size_t>(shard)], step, shard);
      losses_of(shard);
      const bool last = shard + 1 == shards_;
      std::function<void(std::int64_t)> told;
      if (last && sharded()) told = [this](std::int64_t finished) { hand_over(static_cast<std::size_t>(finished)); };
      runner_.backward(values_.data(), gradients_.data(), told);
      if (!last) sums_.add(gradients_);
    }
    if (!sharded()) return;
    hand_over(gradients_.size());
    if (ranks_) ranks_->wait();
    move_averages();
  }

  /// From the sum of the gradients to new values; where the losses are not finite, no trained variable changes.
  update_report learn(bool finite_losses, float learning_rate) {
    return finite_losses ? update_variables(learning_rate) : update_report{.finite = false};
  }

  /// What the regularizers cost in an evaluation.
  double penalty() { return update_.regularize ? regularization_loss(pool_, plan_, values_.data()) : 0.0; }

  const network& net_;
  thread_pool pool_;
  runner runner_;
  step_observer observer_;

 private:
  bool sharded() const { return shards_ > 1 || ranks_; }

  /// The network's outputs for a shard, with its statistics. What it adds to the moving averages is kept behind the
  /// gradients, and summed with them.
  void propagate(const batch& b, std::int64_t step, int shard) {
    load_batch(b, run_mode::train);
    runner_.forget_weights();
    const int number = shard + (ranks_ ? ranks_->rank() * shards_ : 0);
    const auto first = values_.begin() + static_cast<std::ptrdiff_t>(trained_);
    if (sharded()) before_.assign(first, values_.end());
    runner_.forward(values_.data(), {seed_, static_cast<std::uint64_t>(step * all_shards() + number)});
    if (!sharded()) return;
    for (std::size_t i = 0; i < before_.size(); ++i)
      gradients_[trained_ + i] = values_[trained_ + i] - before_[i], values_[trained_ + i] = before_[i];
  }

  /// The first `finished` gradients of the last shard are final.
  void hand_over(std::size_t finished) {
    sums_.finish(gradients_, handed_over_, finished);
    handed_over_ = finished;
    if (ranks_) ranks_->finished(std::span(gradients_).first(finished));
  }

  /// By the mean over all shards.
  void move_averages() {
    const auto all = static_cast<float>(all_shards());
    for (std::size_t i = trained_; i < values_.size(); ++i) values_[i] += gradients_[i] / all;
  }

  void load_batch(const batch& b, run_mode mode) {
    use_plan(b, mode);
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
  rank_sums sum_statistics_;  ///< of batch norms; empty: each shard has its own
  int shards_;
  std::size_t trained_, handed_over_ = 0;  ///< floats
  aligned_vector<float> values_, gradients_, averages_;
  std::vector<aligned_vector<float>> slots_;
  std::vector<float> scalars_;
  update_plan plan_;
  std::vector<float> before_;  ///< moving averages
  pairwise_sum<float> sums_{&pool_};
};

}  // namespace ODT_ISA
}  // namespace odt::cpu
