// SPDX-License-Identifier: MIT
// An SSD's train step, evaluation and detection on a GPU. Kernels are instantiated for the policies that they inline,
// never for the detector. Each is one CUDA graph: the host launches it, copies the batch of the next train step while
// it runs, and reads a report.
#pragma once

#include <odt/box_predictor.hpp>
#include <odt/exec/cuda/boxes/assign.cuh>
#include <odt/exec/cuda/boxes/mining.hpp>
#include <odt/exec/cuda/boxes/post_processing.cuh>
#include <odt/exec/cuda/boxes/ssd_loss.cuh>
#include <odt/exec/cuda/machine/graph.hpp>
#include <odt/exec/cuda/machine/memory.hpp>
#include <odt/exec/cuda/passes/update.cuh>
#include <odt/exec/cuda/plan_memory.hpp>
#include <odt/exec/cuda/runner.hpp>
#include <odt/exec/cuda/ssd_memory.cuh>
#include <odt/exec/cuda/ssd_report.hpp>
#include <odt/exec/cuda/store_mirror.hpp>
#include <odt/exec/step.hpp>
#include <odt/nn/cost.hpp>
#include <odt/ssd/devices.hpp>

#include <algorithm>
#include <cmath>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace odt::cuda {

/// Bytes that are left to CUDA itself: kernels that it loads when they are first launched, graphs, and what allocations
/// are rounded up by.
inline constexpr std::int64_t cuda_reserve = std::int64_t{256} << 20;

template <class Axes>
class ssd_step final : public device_step {
 public:
  /// The references must outlive the step.
  ssd_step(const ssd_options<Axes>& options, const network& net, const variable_layout& layout, const run_options& run,
           ssd_post_processing post_processing)
      : options_(options),
        net_(net),
        layout_(layout),
        seed_(run.seed),
        post_processing_(std::move(post_processing)),
        compute_(run.compute.value_or(precision::bf16)),
        runner_(make_runner(net, layout, compute_)),
        stores_(layout, slot_count(options), scalar_count(options), options.update.average),
        pieces_(cut(layout.variables, layout.trainable_floats)),
        memory_(options, net),
        header_(1),
        device_header_(1),
        report_(1),
        device_report_(1) {}

  step_report train(const batch& b, float learning_rate, std::int64_t step) override {
    sized_batch& sized = prepare(b, run_mode::train);
    header_[0] = {rate_of(learning_rate), static_cast<std::uint64_t>(step)};
    run(sized, sized.train, [&] { launch_train(sized); });
    if (report_[0].update.finite) advance_scalars();
    stores_.written_on_device();
    return report_of(b, report_[0].update.regularization_loss, true);
  }

  void announce(const batch& next) override { announced_ = &next; }

  step_report evaluate(const batch& b) override {
    sized_batch& sized = prepare(b, run_mode::infer);
    run(sized, evaluate_, [&] { launch_evaluate(sized); });
    return report_of(b, options_.update.regularize ? report_[0].update.regularization_loss : 0.0, false);
  }

  std::vector<detections> detect(const batch& b) override {
    sized_batch& sized = prepare(b, run_mode::infer);
    if (!memory_.post_processes(run_mode::infer)) return detect_on_host(b, sized);
    detection_buffers& found = memory_.detections();
    found.upload(stream_, b);
    run(sized, detect_, [&] {
      launch_forward(sized);
      launch_post_processing(sized, found);
      found.download(stream_);
    });
    return found.found();
  }

  void forward(const batch& b) override {
    sized_batch& sized = prepare(b, run_mode::infer);
    run(sized, forward_, [&] { launch_forward(sized); });
  }

  std::string first_non_finite_layer(const batch& b) override {
    runner_->keep_all(true);
    sized_batch& sized = prepare(b, run_mode::train);
    device_array<float> values(stores_.values_size());  // batch norm would move the averages
    check(cudaMemcpyAsync(values.data(), stores_.values(), values.bytes(), cudaMemcpyDeviceToDevice, stream_),
          "cudaMemcpyAsync");
    read_images(sized);
    runner_->forward(stream_, values.data(), {seed_, &device_header_.data()->step});
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
    return static_cast<std::int64_t>(runner_->bytes() + stores_.bytes() + pieces_.bytes() + memory_.bytes());
  }

  memory_forecast foresee(std::span<const step_shape> steps) const override {
    const std::size_t size = compute_ == precision::bf16 ? sizeof(bf16) : sizeof(float);
    const std::int64_t running = runner_bytes(net_, layout_, steps, size, multiprocessors());
    const auto beside = static_cast<std::int64_t>(stores_.bytes() + pieces_.bytes() + memory_.bytes_for(steps));
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

  /// For tests that look into a step.
  runner& network_runner() { return *runner_; }

 private:
  /// What changes from step to step.
  struct step_header {
    float rate = 0;
    std::uint64_t step = 0;
  };

  static int slot_count(const ssd_options<Axes>& o) {
    return std::visit([](const auto& how) { return static_cast<int>(how.slots.size()); }, o.optimizer);
  }
  static int scalar_count(const ssd_options<Axes>& o) {
    return std::visit([](const auto& how) { return static_cast<int>(how.scalars.size()); }, o.optimizer);
  }

  /// Sees to the memory for a batch of that shape, and copies it unless that was done while the last step ran.
  sized_batch& prepare(const batch& b, run_mode mode) {
    runner_->prepare(b.size, {b.height, b.width}, mode);
    sized_batch& sized = memory_.of(b);
    memory_.reserve(sized, mode);
    stores_.to_device(stream_);
    const bool copied = mode == run_mode::train && copied_ == &b && copied_sample_ == b.first_sample;
    if (mode == run_mode::train) copied_ = nullptr;
    if (copied)
      sized.buffers.take_next();
    else
      sized.buffers.upload(stream_, b);
    return sized;
  }

  /// What is wrong with an announced batch is said when its own step copies it again.
  void copy_announced() {
    const batch* next = std::exchange(announced_, nullptr);
    if (!next) return;
    try {
      memory_.of(*next).buffers.upload_next(copies_, *next);
      copied_ = next, copied_sample_ = next->first_sample;
    } catch (const error&) {
      copied_ = nullptr;
    }
  }

  /// Runs what `launch` launches, and waits for it.
  template <class Launch>
  void run(const sized_batch& sized, replayed& how, const Launch& launch) {
    const replayed::key of{memory_.generation() + runner_->generation(), &sized};
    const graph* const captured = observer_ ? nullptr : how.captured(stream_, of, sized.buffers.turn(), launch);
    clock_.begin(stream_);
    captured ? captured->launch(stream_) : launch();
    clock_.end(stream_);
    copy_announced();
    stream_.wait();
    copies_.wait();
    last_seconds_ = clock_.seconds();
  }

  void read_images(sized_batch& sized) {
    if (sized.buffers.raw()) {
      const part timed(*this, "make images");
      sized.buffers.make_images(stream_);
    }
    runner_->read_images(stream_, sized.buffers.images());
  }

  void launch_forward(sized_batch& sized) {
    read_images(sized);
    runner_->forward(stream_, stores_.values(), {seed_, &device_header_.data()->step});
  }

  void launch_train(sized_batch& sized) {
    check(cudaMemcpyAsync(device_header_.data(), header_.data(), sizeof(step_header), cudaMemcpyHostToDevice, stream_),
          "cudaMemcpyAsync");
    launch_forward(sized);
    launch_losses(sized, runner_->output_gradient(class_logits), runner_->output_gradient(box_encodings));
    runner_->backward(stream_, stores_.values(), stores_.gradients());
    const part timed(*this, "update");
    std::visit(
        [&](const auto& how) {
          update(stream_, how, options_.update, &device_header_.data()->rate, pieces_.view(), stores_.device(),
                 &device_report_.data()->losses, &device_report_.data()->update);
        },
        options_.optimizer);
    send_report();
  }

  void launch_evaluate(sized_batch& sized) {
    launch_forward(sized);
    launch_losses(sized, nullptr, nullptr);
    measure_gradients(stream_, options_.update, pieces_.view(), stores_.values(), nullptr, nullptr,
                      &device_report_.data()->update);
    send_report();
  }

  void send_report() {
    check(cudaMemcpyAsync(report_.data(), device_report_.data(), sizeof(ssd_device_report), cudaMemcpyDeviceToHost,
                          stream_),
          "cudaMemcpyAsync");
  }

  void launch_assign(sized_batch& sized, int anchors) {
    const part timed(*this, "assign targets");
    std::visit(
        [&](const auto& compare, const auto& match, const auto& coder) {
          assign(stream_, compare, match, coder, sized.buffers.truth(), sized.device_anchors.data(), anchors,
                 options_.loss.negative_class_weight, memory_.scratch(), memory_.targets());
        },
        options_.similarity, options_.matcher, options_.box_coder);
  }

  void launch_losses(sized_batch& sized, float* logits_gradient, float* encodings_gradient) {
    const int anchors = sized.anchor_count();
    launch_assign(sized, anchors);
    const part timed(*this, "loss");
    const ssd_loss_input input{sized.batch,
                               anchors,
                               runner_->current().columns(class_logits),
                               runner_->output(class_logits),
                               runner_->output(box_encodings),
                               logits_gradient,
                               encodings_gradient};
    std::visit(
        [&](const auto& classes, const auto& boxes, const auto& coder) {
          ssd_loss(stream_, classes, boxes, coder, options_.loss, sized.device_anchors.data(), input, memory_.targets(),
                   memory_.scratch(), &device_report_.data()->losses);
        },
        options_.classification_loss, options_.localization_loss, options_.box_coder);
  }

  std::vector<detections> detect_on_host(const batch& b, sized_batch& sized) {
    run(sized, forward_, [&] { launch_forward(sized); });
    const std::size_t rows = static_cast<std::size_t>(b.size) * sized.anchors.size();
    const auto slots = static_cast<std::size_t>(runner_->current().columns(class_logits));
    std::vector<float> encodings(rows * static_cast<std::size_t>(runner_->current().columns(box_encodings))),
        logits(rows * slots);
    download(encodings, runner_->output(box_encodings));
    download(logits, runner_->output(class_logits));
    return post_processing_(b, {encodings.data(), logits.data(), static_cast<int>(slots), sized.anchors});
  }

  void launch_post_processing(sized_batch& sized, const detection_buffers& found) {
    const part timed(*this, "post-processing");
    const ssd_predictions input{sized.batch,
                                sized.anchor_count(),
                                runner_->current().columns(class_logits),
                                options_.loss.add_background_class,
                                runner_->output(box_encodings),
                                runner_->output(class_logits),
                                found.windows()};
    std::visit(
        [&](const auto& coder) {
          post_process(stream_, coder, sized.device_anchors.data(), options_.post_processing, input, memory_.scratch(),
                       found.on_device());
        },
        options_.box_coder);
  }

  /// The optimizer's scalars live on the host.
  float rate_of(float learning_rate) {
    return std::visit(
        [&]<optimizer O>(const O& how) {
          optimizer_scalars<O> scalars{};
          std::copy_n(stores_.scalars().begin(), scalars.size(), scalars.begin());
          return how.rate(learning_rate, scalars);
        },
        options_.optimizer);
  }

  void advance_scalars() {
    std::visit(
        [&]<optimizer O>(const O& how) {
          optimizer_scalars<O> scalars{};
          std::copy_n(stores_.scalars().begin(), scalars.size(), scalars.begin());
          how.advance(scalars);
          std::ranges::copy(scalars, stores_.scalars().begin());
        },
        options_.optimizer);
  }

  void download(std::vector<float>& to, const float* from) {
    check(cudaMemcpy(to.data(), from, to.size() * sizeof(float), cudaMemcpyDeviceToHost), "cudaMemcpy");
  }

  step_report report_of(const batch& b, double penalty, bool trained) const {
    return make_report(report_[0], b, penalty, trained, options_.loss.miner.has_value());
  }

  /// Times a part of the step that no plan lists, while somebody observes.
  struct part {
    part(ssd_step& s, const char* name) : step(s), operation(name) {
      if (step.observer_) step.part_clock_.begin(step.stream_);
    }
    ~part() {
      if (!step.observer_) return;
      step.part_clock_.end(step.stream_);
      cudaStreamSynchronize(step.stream_);
      step.observer_({{}, operation, step.part_clock_.seconds(), 0, 0});
    }
    part(const part&) = delete;
    part& operator=(const part&) = delete;
    ssd_step& step;
    const char* operation;
  };

  const ssd_options<Axes>& options_;
  const network& net_;
  const variable_layout& layout_;
  std::uint64_t seed_;
  ssd_post_processing post_processing_;
  stream stream_, copies_;
  precision compute_;
  std::unique_ptr<runner> runner_;
  store_mirror stores_;
  device_pieces pieces_;
  ssd_memory<Axes> memory_;
  replayed evaluate_, detect_, forward_;  ///< of the last size; sizes of photos may have no end
  pinned_array<step_header> header_;
  device_array<step_header> device_header_;
  pinned_array<ssd_device_report> report_;
  device_array<ssd_device_report> device_report_;
  const batch* announced_ = nullptr;  ///< of the step after the next
  const batch* copied_ = nullptr;     ///< lies in its size's next buffers
  std::uint64_t copied_sample_ = 0;
  event_clock clock_, part_clock_;
  double last_seconds_ = 0;
  step_observer observer_;
};

/// For ssd_cuda_registry.
template <class Axes>
std::unique_ptr<device_step> make_ssd_step(const ssd_options<Axes>& options, const network& net,
                                           const variable_layout& layout, const run_options& run,
                                           ssd_post_processing post_processing) {
  return std::make_unique<ssd_step<Axes>>(options, net, layout, run, std::move(post_processing));
}

}  // namespace odt::cuda
