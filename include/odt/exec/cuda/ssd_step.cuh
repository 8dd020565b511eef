// SPDX-License-Identifier: MIT
// What is an SSD's in a train step, an evaluation and a detection on a GPU. Kernels are instantiated for the policies
// that they inline, never for the detector.
#pragma once

#include <odt/box_predictor.hpp>
#include <odt/exec/cuda/boxes/assign.cuh>
#include <odt/exec/cuda/boxes/post_processing.cuh>
#include <odt/exec/cuda/boxes/ssd_loss.cuh>
#include <odt/exec/cuda/ranks/rank_numbers.hpp>
#include <odt/exec/cuda/ssd_memory.cuh>
#include <odt/exec/cuda/ssd_report.hpp>
#include <odt/exec/cuda/step_core.cuh>
#include <odt/ssd/devices.hpp>
#include <odt/ssd/options.hpp>

#include <cstddef>
#include <memory>
#include <span>
#include <utility>
#include <variant>
#include <vector>

namespace odt::cuda {

template <class Axes>
class ssd_step final : public step_core<typename Axes::optimizer> {
  using core = step_core<typename Axes::optimizer>;
  using core::runner_, core::stream_;

 public:
  /// The references must outlive the step.
  ssd_step(const ssd_options<Axes>& options, const network& net, const variable_layout& layout, const run_options& run,
           ssd_post_processing post_processing)
      : core(options.optimizer, options.update, net, layout, run),
        options_(options),
        post_processing_(std::move(post_processing)),
        memory_(options, net) {}

  step_report train(std::span<const batch> shards, float learning_rate, std::int64_t step) override {
    const batch& b = shards[0];
    sized_batch& sized = core::load_batch(b, run_mode::train);
    const update_report updated = core::learn(sized, learning_rate, step, [&] {
      assign_targets(sized);
      const int matches = core::sums_ ? start_matches(sized) : 0;
      core::launch_propagate(sized);
      if (core::sums_) await_matches(sized, matches);
      compute_loss(sized, {runner_->output_gradient(box_encodings), runner_->output_gradient(class_logits)});
      if (core::sums_) add_up_losses();
      losses_.download(stream_);
      core::launch_learn(&losses_.device()->total);
    });
    step_report report = report_of(b.size * (core::sums_ ? core::sums_->ranks() : 1), updated.regularization_loss);
    report.gradient_norm = static_cast<float>(updated.gradient_norm);
    report.finite = updated.finite;
    return report;
  }

  step_report evaluate(const batch& b) override {
    sized_batch& sized = core::load_batch(b, run_mode::infer);
    core::run(sized, evaluate_, [&] {
      core::launch_infer(sized);
      assign_targets(sized);
      compute_loss(sized, {});
      losses_.download(stream_);
      core::launch_penalty();
    });
    return report_of(b.size, core::penalty());
  }

  std::vector<detections> detect(const batch& b) override {
    if (!memory_.post_processes(run_mode::infer)) return detect_on_host(b);
    sized_batch& sized = core::load_batch(b, run_mode::infer);
    detection_buffers& found = memory_.detections();
    found.upload(stream_, b);
    core::run(sized, detect_, [&] {
      core::launch_infer(sized);
      launch_post_processing(sized, found);
      found.download(stream_);
    });
    return found.found();
  }

 private:
  std::size_t workspace_bytes() const override { return memory_.bytes(); }
  std::size_t workspace_bytes_for(std::span<const step_shape> steps) const override { return memory_.bytes_for(steps); }
  int workspace_generation() const override { return memory_.generation(); }

  ssd_predictions predictions(int batch, const device_anchors& anchors) {
    return {batch,
            anchors.count(),
            runner_->current().columns(class_logits),
            runner_->output(box_encodings),
            runner_->output(class_logits),
            options_.loss.add_background_class};
  }

  void begin(const batch& b, const sized_batch&, run_mode mode) override { memory_.reserve(b, mode); }

  void assign_targets(sized_batch& sized) {
    const part_timer timer = core::time_part("assign targets");
    const device_anchors& anchors = memory_.anchors_of(sized.image);
    std::visit(
        [&](const auto& compare, const auto& match, const auto& coder) {
          assign(stream_, compare, match, coder, sized.buffers.truth(), {anchors.data(), anchors.count()},
                 options_.loss.negative_class_weight, memory_.scratch(), memory_.targets());
        },
        options_.similarity, options_.matcher, options_.box_coder);
  }

  /// Losses are divided by the matches of all ranks together.
  int start_matches(const sized_batch& sized) {
    sum_up(stream_, memory_.targets().weight_sums, sized.batch, core::sums_->numbers());
    return core::sums_->start_numbers(stream_, 1);
  }
  void await_matches(const sized_batch& sized, int piece) {
    core::sums_->await(stream_, piece);
    put_sum(stream_, core::sums_->numbers(), sized.batch, memory_.targets().weight_sums);
  }

  void compute_loss(const sized_batch& sized, const ssd_prediction_gradients& gradients) {
    const part_timer timer = core::time_part("loss");
    const device_anchors& anchors = memory_.anchors_of(sized.image);
    std::visit(
        [&](const auto& classes, const auto& boxes, const auto& coder) {
          ssd_loss(stream_, classes, boxes, coder, options_.loss, anchors.data(), predictions(sized.batch, anchors),
                   gradients, memory_.targets(), memory_.scratch(), losses_.device());
        },
        options_.classification_loss, options_.localization_loss, options_.box_coder);
  }

  /// What the report says, and whether it is finite, is that of all ranks.
  void add_up_losses() {
    rank_sums& sums = *core::sums_;
    take_numbers(stream_, losses_.device(), sums.numbers());
    sums.await(stream_, sums.start_numbers(stream_, ssd_report_numbers));
    put_numbers(stream_, sums.numbers(), losses_.device());
  }

  step_report report_of(int images, double penalty) const {
    return make_report(losses_.host(), images, penalty, options_.loss.miner.has_value());
  }

  std::vector<detections> detect_on_host(const batch& b) {
    core::infer(b);
    const device_anchors& anchors = memory_.anchors_of({b.height, b.width});
    const std::vector<float> encodings = fetch(b, anchors, box_encodings), logits = fetch(b, anchors, class_logits);
    ssd_predictions on_host = predictions(b.size, anchors);
    on_host.encodings = encodings.data(), on_host.logits = logits.data();
    return post_processing_(b, on_host, anchors.boxes);
  }

  std::vector<float> fetch(const batch& b, const device_anchors& anchors, int output) {
    const auto columns = static_cast<std::size_t>(runner_->current().columns(output));
    std::vector<float> values(static_cast<std::size_t>(b.size) * anchors.boxes.size() * columns);
    check(cudaMemcpy(values.data(), runner_->output(output), values.size() * sizeof(float), cudaMemcpyDeviceToHost),
          "cudaMemcpy");
    return values;
  }

  void launch_post_processing(const sized_batch& sized, const detection_buffers& found) {
    const part_timer timer = core::time_part("post-processing");
    const device_anchors& anchors = memory_.anchors_of(sized.image);
    std::visit(
        [&](const auto& coder) {
          post_process(stream_, coder, anchors.data(), options_.post_processing, memory_.calibration(),
                       predictions(sized.batch, anchors), found.windows(), memory_.scratch(), found.on_device());
        },
        options_.box_coder);
  }

  const ssd_options<Axes>& options_;
  ssd_post_processing post_processing_;
  ssd_memory<Axes> memory_;
  replayed evaluate_, detect_;  ///< of the last size; sizes of photos may have no end
  mirrored<ssd_losses_report> losses_;
};

/// For ssd_cuda_registry.
template <class Axes>
std::unique_ptr<device_step> make_ssd_step(const ssd_options<Axes>& options, const network& net,
                                           const variable_layout& layout, const run_options& run,
                                           ssd_post_processing post_processing) {
  return std::make_unique<ssd_step<Axes>>(options, net, layout, run, std::move(post_processing));
}

}  // namespace odt::cuda
