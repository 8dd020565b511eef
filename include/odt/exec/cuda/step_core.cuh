// SPDX-License-Identifier: MIT
// What every family of detectors has on a GPU: the network's runner, the stores of variables and their update, batches
// and graphs. A family adds its targets, losses and detections. Each step is one CUDA graph: the host launches it,
// copies the batch of the next train step while it runs, and reads a report.
#pragma once

#include <odt/core/any_of.hpp>
#include <odt/exec/communicator.hpp>
#include <odt/exec/cuda/images/sized_batches.hpp>
#include <odt/exec/cuda/machine/graph.hpp>
#include <odt/exec/cuda/machine/memory.hpp>
#include <odt/exec/cuda/machine/part_timer.hpp>
#include <odt/exec/cuda/passes/update.cuh>
#include <odt/exec/cuda/plan_memory.hpp>
#include <odt/exec/cuda/ranks/agreed_graph.hpp>
#include <odt/exec/cuda/ranks/rank_sums.hpp>
#include <odt/exec/cuda/runner.hpp>
#include <odt/exec/cuda/store_mirror.hpp>
#include <odt/exec/step.hpp>
#include <odt/nn/cost.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace odt::cuda {

/// Bytes that are left to CUDA itself: kernels that it loads when they are first launched, graphs, and what allocations
/// are rounded up by.
inline constexpr std::int64_t cuda_reserve = std::int64_t{256} << 20;

/// Optimizer is an axis: a policy, or any_of several.
template <class Optimizer>
class step_core : public device_step {
 public:
  /// The references must outlive the step. Of several ranks each has a GPU and one shard.
  step_core(const choice_of<Optimizer>& how, const update_options& update, const network& net,
            const variable_layout& layout, const run_options& run)
      : net_(net),
        ranks_(others_of(run)),
        sums_(sums_with(ranks_, layout)),
        compute_(run.compute.value_or(precision::bf16)),
        runner_(make_runner(net, layout, compute_)),
        optimizer_(how),
        update_(update),
        layout_(layout),
        seed_(run.seed),
        stores_(layout, slot_count(how), scalar_count(how), update.average),
        pieces_(cut(layout.variables, layout.trainable_floats)) {
    if (!sums_) return;
    runner_->finished = [this](cudaStream_t main, std::int64_t gradients) {
      sums_->finished(main, stores_.gradients(), gradients);
    };
  }

  void announce(const batch& next) override { batches_.announce(next); }

  void forward(const batch& b) override { infer(b); }

  std::string first_non_finite_layer(const batch& b) override {
    runner_->keep_all(true);
    sized_batch& sized = load_batch(b, run_mode::train);
    device_array<float> values(stores_.values_size());  // batch norm would move the averages
    check(cudaMemcpyAsync(values.data(), stores_.values(), values.bytes(), cudaMemcpyDeviceToDevice, stream_),
          "cudaMemcpyAsync");
    read_images(sized);
    runner_->forward(stream_, values.data(), dropout());
    std::string first;
    for (int l = 0; l < net_.size() && first.empty(); ++l) {
      const std::vector<float> output = runner_->values_of(l);
      if (!std::ranges::all_of(output, [](float x) { return std::isfinite(x); })) first = net_[l].name;
    }
    runner_->keep_all(false);
    return first;
  }

  bool makes_images() const override { return true; }

  variable_stores stores() override { return stores_.on_host(stream_); }

  std::int64_t arena_bytes() const override { return static_cast<std::int64_t>(runner_->bytes()); }

  std::int64_t planned_bytes() const override {
    return static_cast<std::int64_t>(runner_->bytes() + stores_.bytes() + pieces_.bytes() + batches_.bytes() +
                                     workspace_bytes() + (sums_ ? sums_->bytes() : 0));
  }

  memory_forecast foresee(std::span<const step_shape> steps) const override {
    const std::size_t size = compute_ == precision::bf16 ? sizeof(bf16) : sizeof(float);
    const std::int64_t running = runner_bytes(net_, layout_, steps, size, multiprocessors());
    const auto beside = static_cast<std::int64_t>(stores_.bytes() + pieces_.bytes() + sized_batches::bytes_for(steps) +
                                                  workspace_bytes_for(steps) + (sums_ ? sums_->bytes() : 0));
    return {running + beside, std::max<std::int64_t>(free_memory() - cuda_reserve, 0) + planned_bytes(), true};
  }

  double device_seconds() const override { return last_seconds_; }

  void observe(step_observer observer) override {
    observer_ = std::move(observer);
    runner_->observer = {};
    if (!observer_) return;
    runner_->observer = [this](const plan_operation& op, float milliseconds) {
      const operation_cost cost = cost_of(net_, runner_->current(), op);
      observer_({net_[op.layer].name, std::string(name_of(op.kind)), static_cast<double>(milliseconds) * 1e-3,
                 static_cast<double>(cost.flops), static_cast<double>(cost.bytes)});
    };
  }

  /// The plans' interpreter, for tests that look into a step.
  runner& network_runner() { return *runner_; }

 protected:
  /// Bytes of device memory that the family keeps beside.
  virtual std::size_t workspace_bytes() const = 0;
  /// What workspace_bytes() will be when steps of these shapes have run.
  virtual std::size_t workspace_bytes_for(std::span<const step_shape> steps) const = 0;
  /// Rises when memory moved that the family's steps of the current shape and mode use: graphs captured before are
  /// void.
  virtual int workspace_generation() const = 0;

  /// Sees to what the family keeps beside for a step over that batch, which lies on the device.
  virtual void begin(const batch& b, const sized_batch& sized, run_mode mode) = 0;
  /// Whether what the current batch's step launches may be replayed as a graph: it does not wait for the host.
  virtual bool replays() const { return true; }

  /// The batch on the device, with the plan for its size and the newest variables.
  sized_batch& load_batch(const batch& b, run_mode mode) {
    runner_->use_plan(b.size, {b.height, b.width}, mode);
    stores_.to_device(stream_);
    sized_batch& sized = batches_.take(stream_, b, mode);
    begin(b, sized, mode);
    return sized;
  }

  /// Runs what `launch` launches, and waits for it.
  template <class Launch>
  void run(const sized_batch& sized, replayed& how, const Launch& launch) {
    const bool replays_launches = !observer_ && replays();
    run_captured(replays_launches ? how.captured(stream_, key_of(sized), sized.buffers.turn(), launch) : nullptr,
                 launch, [this] { stream_.wait(); });
  }

  /// The network's outputs for a batch in evaluation mode.
  void infer(const batch& b) {
    sized_batch& sized = load_batch(b, run_mode::infer);
    run(sized, forward_, [&] { launch_infer(sized); });
  }
  void launch_infer(sized_batch& sized) {
    read_images(sized);
    runner_->forward(stream_, stores_.values(), dropout());
  }

  /// Runs a train step: `launch` launches launch_propagate(), what gives the gradients of the outputs, launch_learn().
  template <class Launch>
  update_report learn(sized_batch& sized, float learning_rate, std::int64_t step, const Launch& launch) {
    const std::int64_t all = sums_ ? sums_->ranks() : 1, own = sums_ ? sums_->rank() : 0;
    header_.host() = {rate_of(learning_rate), static_cast<std::uint64_t>(step * all + own)};
    sums_ ? run_together(sized, step + 1, launch) : run(sized, sized.train, launch);
    const device_update_report& learned = learned_.host();
    if (learned.finite != 0) advance_scalars();
    stores_.written_on_device();
    return {learned.gradient_norm, learned.regularization_loss, learned.finite != 0};
  }
  /// The network's outputs for a batch of a train step, with its statistics.
  void launch_propagate(sized_batch& sized) {
    header_.upload(stream_);
    if (sums_) sums_->keep(stream_, averages());
    launch_infer(sized);
    if (sums_) sums_->start_moves(stream_, averages());
  }
  /// From the gradients of the outputs to new values; where the loss, in device memory, is not finite, no trained
  /// variable changes.
  void launch_learn(const float* loss) {
    runner_->backward(stream_, stores_.values(), stores_.gradients());
    if (sums_) {
      sums_->await_all(stream_, stores_.gradients());
      sums_->finish_moves(stream_, averages());
    }
    const part_timer timer = time_part("update");
    std::visit(
        [&](const auto& how) {
          update(stream_, how, update_, &header_.device()->rate, pieces_.view(), stores_.device(), loss,
                 learned_.device());
        },
        optimizer_);
    learned_.download(stream_);
  }

  /// What the regularizers cost in an evaluation that ran launch_penalty().
  double penalty() const { return update_.regularize ? learned_.host().regularization_loss : 0.0; }
  void launch_penalty() {
    measure_gradients(stream_, update_, pieces_.view(), stores_.values(), nullptr, nullptr, learned_.device());
    learned_.download(stream_);
  }

  /// Of what is launched while it lives.
  part_timer time_part(std::string_view operation) { return {observer_, part_clock_, stream_, operation}; }

  const network& net_;
  communicator* ranks_;              ///< null: this process is alone
  std::unique_ptr<rank_sums> sums_;  ///< likewise; made before all else on the device, which it chooses
  stream stream_;
  precision compute_;
  std::unique_ptr<runner> runner_;

 private:
  /// What changes from step to step.
  struct step_header {
    float rate = 0;
    std::uint64_t step = 0;
  };

  static communicator* others_of(const run_options& run) {
    const int ranks = run.ranks ? run.ranks->ranks() : 1;
    if (run.shards > 1)
      fail("run_options::shards: a GPU computes one shard a step, and this one has ", run.shards, "; give --shards ",
           ranks, ", one a rank, and leave --accumulate out");
    if (run.sync_batch_norm && ranks > 1)
      fail("run_options::sync_batch_norm: on GPUs batch norm sees the images of its own rank; leave --sync_batch_norm ",
           "out, or run with --device cpu");
    return ranks > 1 ? run.ranks : nullptr;
  }
  static std::unique_ptr<rank_sums> sums_with(communicator* ranks, const variable_layout& layout) {
    if (!ranks) return nullptr;
    if (!device_transport_of_program())
      fail("run_options::ranks: there are ", ranks->ranks(),
           " ranks, and this program was built without NCCL, by which ",
           "their GPUs would add up gradients; build it with -DODT_NCCL=ON, or run with --device cpu");
    return std::make_unique<rank_sums>(device_transport_of_program()(*ranks), layout.trainable_floats,
                                       layout.floats - layout.trainable_floats);
  }
  static int slot_count(const choice_of<Optimizer>& optimizer) {
    return std::visit([](const auto& how) { return static_cast<int>(how.slots.size()); }, optimizer);
  }
  static int scalar_count(const choice_of<Optimizer>& optimizer) {
    return std::visit([](const auto& how) { return static_cast<int>(how.scalars.size()); }, optimizer);
  }

  replayed::key key_of(const sized_batch& sized) const {
    return {workspace_generation() + runner_->generation(), sized.number};
  }

  template <class Launch, class Wait>
  void run_captured(const graph* captured, const Launch& launch, const Wait& wait) {
    clock_.begin(stream_);
    captured ? captured->launch(stream_) : launch();
    clock_.end(stream_);
    batches_.copy_announced();
    wait();
    batches_.wait();
    last_seconds_ = clock_.seconds();
  }

  /// A train step of all ranks.
  template <class Launch>
  void run_together(sized_batch& sized, std::int64_t step, const Launch& launch) {
    ranks_->begin(step);
    sums_->begin();
    const bool replays_launches = !observer_ && replays();
    run_captured(graphs_.of(*ranks_, stream_, replays_launches ? &sized.train : nullptr, key_of(sized),
                            sized.buffers.turn(), launch),
                 launch, [this, step] { sums_->wait(stream_, step); });
  }

  /// Moving ones, which no gradient reaches, behind the trained variables.
  float* averages() const { return stores_.values() + layout_.trainable_floats; }

  dropout_key dropout() const { return {seed_, &header_.device()->step}; }

  void read_images(sized_batch& sized) {
    if (sized.buffers.raw()) {
      const part_timer timer = time_part("make images");
      sized.buffers.make_images(stream_);
    }
    runner_->read_images(stream_, sized.buffers.images());
  }

  template <optimizer O>
  optimizer_scalars<O> scalars_of(const O&) {
    optimizer_scalars<O> scalars{};
    std::copy_n(stores_.scalars().begin(), scalars.size(), scalars.begin());
    return scalars;
  }
  /// The optimizer's scalars live on the host.
  float rate_of(float learning_rate) {
    return std::visit([&](const auto& how) { return how.rate(learning_rate, scalars_of(how)); }, optimizer_);
  }
  void advance_scalars() {
    std::visit(
        [&](const auto& how) {
          auto scalars = scalars_of(how);
          how.advance(scalars);
          std::ranges::copy(scalars, stores_.scalars().begin());
        },
        optimizer_);
  }

  const choice_of<Optimizer>& optimizer_;
  const update_options& update_;
  const variable_layout& layout_;
  std::uint64_t seed_;
  store_mirror stores_;
  device_pieces pieces_;
  sized_batches batches_;
  agreed_graph graphs_;
  replayed forward_;  ///< of the last size; sizes of photos may have no end
  mirrored<step_header> header_;
  mirrored<device_update_report> learned_;
  event_clock clock_, part_clock_;
  double last_seconds_ = 0;
  step_observer observer_;
};

}  // namespace odt::cuda
