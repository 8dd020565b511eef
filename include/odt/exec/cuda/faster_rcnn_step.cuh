// SPDX-License-Identifier: MIT
// What is a two-stage detector's in a train step, an evaluation and a detection on a GPU. The network is one plan: it
// calls back when proposals are wanted, and when the boxes are whose masks are. A train step is one CUDA graph; so are
// evaluations and detections without masks. The objects of an image are found on the host: where their masks are
// wanted, inference waits for it between two launches.
#pragma once

#include <odt/exec/cuda/boxes/assign.cuh>
#include <odt/exec/cuda/boxes/box_classifier_loss.cuh>
#include <odt/exec/cuda/boxes/mask_loss.cuh>
#include <odt/exec/cuda/boxes/proposals.cuh>
#include <odt/exec/cuda/boxes/rpn_loss.cuh>
#include <odt/exec/cuda/faster_rcnn_memory.cuh>
#include <odt/exec/cuda/step_core.cuh>
#include <odt/exec/two_stage_detections.hpp>
#include <odt/exec/two_stage_report.hpp>
#include <odt/faster_rcnn/devices.hpp>
#include <odt/second_stage_box_predictor.hpp>

#include <cstddef>
#include <memory>
#include <span>
#include <utility>
#include <variant>
#include <vector>

namespace odt::cuda {

template <class Axes>
class faster_rcnn_step final : public step_core<typename Axes::optimizer> {
  using core = step_core<typename Axes::optimizer>;
  using core::runner_, core::stream_;

 public:
  /// The references must outlive the step.
  faster_rcnn_step(const faster_rcnn_options<Axes>& options, const network& net, const variable_layout& layout,
                   const run_options& run, box_classifier_post_processing post_processing)
      : core(options.optimizer, options.update, net, layout, run),
        options_(options),
        post_processing_(std::move(post_processing)),
        seed_(run.seed),
        memory_(options, net) {
    if (core::sums_) core::sums_->take_means();
    for (int l = 0; l < net.size() && proposals_layer_ < 0; ++l)
      if (net[l].kind == layer_kind::regions) proposals_layer_ = l;
    runner_->choose_regions = [this](cudaStream_t, int layer, boxf* boxes) {
      layer == proposals_layer_ ? launch_proposals(boxes) : put_wanted(boxes);
    };
  }

  step_report train(std::span<const batch> shards, float learning_rate, std::int64_t step) override {
    const batch& b = shards[0];
    sized_batch& sized = core::load_batch(b, run_mode::train);
    const update_report updated = core::learn(sized, learning_rate, step, [&] {
      core::launch_propagate(sized);
      launch_losses();
      if (core::sums_) average_losses();
      losses_.download(stream_);
      core::launch_learn(&losses_.device()->total);
    });
    step_report report = report_of(updated.regularization_loss);
    report.gradient_norm = static_cast<float>(updated.gradient_norm);
    report.finite = updated.finite;
    return report;
  }

  step_report evaluate(const batch& b) override {
    sized_batch& sized = core::load_batch(b, run_mode::infer);
    core::run(sized, evaluate_, [&] {
      core::launch_infer(sized);
      launch_losses();
      losses_.download(stream_);
      core::launch_penalty();
    });
    return report_of(core::penalty());
  }

  std::vector<detections> detect(const batch& b) override {
    sized_batch& sized = core::load_batch(b, run_mode::infer);
    core::run(sized, detect_, [&] {
      core::launch_infer(sized);
      if (!options_.has_second_stage()) propose();
    });
    if (!options_.has_second_stage()) return as_detections(host_proposals().view(), memory_.host_windows());
    if (!options_.has_masks()) find_detections();
    std::vector<detections> found = std::move(found_);
    if (options_.has_masks()) take_masks(found);
    return found;
  }

  /// Boxes of the last step, in device memory.
  const faster_rcnn_memory<Axes>& memory() const { return memory_; }

 private:
  /// Copies of what host_proposals says.
  struct proposal_copies {
    int batch, capacity;
    std::vector<int> counts;
    std::vector<boxf> boxes, normalized;
    std::vector<float> scores;

    proposals view() { return {batch, capacity, counts.data(), boxes.data(), normalized.data(), scores.data()}; }
  };

  std::size_t workspace_bytes() const override { return memory_.bytes(); }
  std::size_t workspace_bytes_for(std::span<const step_shape> steps) const override { return memory_.bytes_for(steps); }
  int workspace_generation() const override { return memory_.generation(); }
  bool replays() const override { return trains_ || !options_.has_masks(); }

  void begin(const batch& b, const sized_batch& sized, run_mode mode) override {
    trains_ = mode == run_mode::train, sized_ = &sized;
    memory_.begin(stream_, b, mode);
  }

  rpn_predictions first_stage() {
    return {sized_->batch, runner_->current().rows(rpn_box_encodings), runner_->output(rpn_box_encodings),
            runner_->output(rpn_objectness)};
  }

  box_classifier_predictions second_stage() {
    return {sized_->batch,
            memory_.boxes().taken.capacity,
            options_.num_classes,
            std::visit([](const auto& p) { return p.shares_boxes(); }, options_.box_predictor),
            runner_->output(refined_box_encodings),
            runner_->output(class_predictions)};
  }

  /// For three stages.
  mask_predictions masks_of(int output) {
    mask_predictions p = options_.masks();
    p.batch = sized_->batch, p.proposals = runner_->current().rows(output) / (p.height * p.width);
    p.logits = runner_->output(output);
    return p;
  }

  /// The ground truth in pixels.
  ground_truth truth() const {
    ground_truth moved = sized_->buffers.truth();
    moved.boxes = memory_.boxes().truth;
    return moved;
  }

  void propose() {
    std::visit(
        [&](const auto& coder) {
          odt::cuda::propose(stream_, coder, memory_.anchors(), options_.loss.first, first_stage(), sized_->image,
                             memory_.windows(), memory_.scratch(), memory_.boxes().all);
        },
        options_.box_coder);
  }

  void launch_proposals(boxf* boxes) {
    const part_timer timer = core::time_part("proposals");
    propose();
    if (memory_.samples_proposals()) sample();
    const proposals& taken = memory_.boxes().taken;
    const std::size_t bytes =
        static_cast<std::size_t>(taken.batch) * static_cast<std::size_t>(taken.capacity) * sizeof(boxf);
    check(cudaMemcpyAsync(boxes, taken.normalized, bytes, cudaMemcpyDeviceToDevice, stream_), "cudaMemcpyAsync");
  }

  void sample() {
    const two_stage_boxes& own = memory_.boxes();
    put_in_pixels(stream_, sized_->buffers.truth(), sized_->image, own.truth);
    assign_to(own.all, own.to_all);
    sample_proposals(stream_, options_.loss.second.sampler, {seed_, memory_.first_sample()}, truth(), sized_->image,
                     own.all, own.to_all.match, memory_.scratch(), own.taken);
  }

  void assign_to(const proposals& boxes, const counted_targets& targets) {
    assign_to(options_.detection_matcher, {boxes.boxes, boxes.capacity, boxes.counts}, targets);
  }
  void assign_to(const typename Axes::matcher& matches, const matched_boxes& boxes, const counted_targets& targets) {
    std::visit(
        [&](const auto& compare, const auto& coder) {
          assign(stream_, compare, matches, coder, truth(), boxes, 1.0f, memory_.scratch(), targets);
        },
        options_.similarity, options_.box_coder);
  }

  float* gradient(int output) { return trains_ ? runner_->output_gradient(output) : nullptr; }

  void launch_losses() {
    const two_stage_boxes& own = memory_.boxes();
    put_in_pixels(stream_, sized_->buffers.truth(), sized_->image, own.truth);
    launch_first_losses();
    if (options_.has_second_stage()) launch_second_losses();
    const bool trains_masks = trains_ && options_.has_masks();
    if (trains_masks) launch_mask_loss();
    report_losses(stream_, options_.loss, own.first_costs, own.second_costs,
                  trains_masks ? own.mask_costs : mask_costs(), losses_.device());
  }

  /// What the report says, and whether it is finite, is that of all ranks: a rank divides by what it has itself.
  void average_losses() {
    rank_sums& sums = *core::sums_;
    take_numbers(stream_, losses_.device(), sums.numbers());
    sums.await(stream_, sums.start_numbers(stream_, static_cast<int>(two_stage_losses::count)));
    put_numbers(stream_, sums.numbers(), sums.ranks(), losses_.device());
  }

  void launch_first_losses() {
    const part_timer timer = core::time_part("first stage's loss");
    const two_stage_boxes& own = memory_.boxes();
    const selected_anchors anchors = memory_.anchors();
    assign_to(options_.proposal_matcher, {anchors.boxes, anchors.count}, own.first);
    sample_anchors(stream_, options_.loss.first.sampler, {seed_, memory_.first_sample()}, anchors.count, own.first,
                   memory_.scratch(), own.sampled);
    std::visit(
        [&](const auto& boxes) {
          rpn_loss(stream_, options_.objectness_loss, boxes, options_.loss.first, anchors, first_stage(),
                   {gradient(rpn_box_encodings), gradient(rpn_objectness)}, own.first, own.sampled, own.first_costs);
        },
        options_.localization_loss);
  }

  void launch_second_losses() {
    const part_timer timer = core::time_part("second stage's loss");
    const two_stage_boxes& own = memory_.boxes();
    assign_to(own.taken, own.second);
    std::visit(
        [&](const auto& classes, const auto& boxes) {
          box_classifier_loss(stream_, classes, boxes, options_.loss.second, own.taken, second_stage(),
                              {gradient(refined_box_encodings), gradient(class_predictions)}, own.second,
                              memory_.scratch(), own.second_costs);
        },
        options_.classification_loss, options_.localization_loss);
  }

  void launch_mask_loss() {
    const part_timer timer = core::time_part("masks' loss");
    const two_stage_boxes& own = memory_.boxes();
    const mask_predictions p = masks_of(training_masks);
    assign_masks(stream_, own.taken, own.second.match, memory_.masks(), {p.height, p.width}, own.mask_targets);
    mask_loss(stream_, options_.mask_loss, options_.loss.second.mask_prediction_loss_weight, own.taken, p,
              gradient(training_masks), own.second, own.mask_targets, own.mask_costs);
  }

  template <class T>
  std::vector<T> fetch(const T* from, std::size_t count) const {
    std::vector<T> values(count);
    check(cudaMemcpyAsync(values.data(), from, count * sizeof(T), cudaMemcpyDeviceToHost, stream_), "cudaMemcpyAsync");
    stream_.wait();
    return values;
  }

  /// What the second stage looked at; with one stage, all.
  proposal_copies host_proposals() const {
    const proposals& p = memory_.boxes().taken;
    const auto images = static_cast<std::size_t>(p.batch), all = images * static_cast<std::size_t>(p.capacity);
    return {p.batch,
            p.capacity,
            fetch(p.counts, images),
            fetch(p.boxes, all),
            fetch(p.normalized, all),
            fetch(p.scores, all)};
  }

  /// Waits for the device.
  void find_detections() {
    box_classifier_predictions p = second_stage();
    const std::size_t rows = static_cast<std::size_t>(p.batch) * static_cast<std::size_t>(p.proposals);
    const std::vector<float> encodings =
        fetch(p.encodings, rows * static_cast<std::size_t>(runner_->current().columns(refined_box_encodings)));
    const std::vector<float> logits = fetch(p.logits, rows * static_cast<std::size_t>(p.class_slots()));
    p.encodings = encodings.data(), p.logits = logits.data();
    proposal_copies boxes = host_proposals();
    found_ = post_processing_(p, boxes.view(), memory_.host_windows());
  }

  /// The boxes whose masks are wanted. Waits for the device.
  void put_wanted(boxf* boxes) {
    find_detections();
    const auto capacity = static_cast<std::size_t>(options_.post_processing.suppression.max_total_detections);
    std::vector<boxf> wanted(found_.size() * capacity);
    put_detections(found_, memory_.host_windows(), sized_->image, capacity, wanted.data());
    check(cudaMemcpyAsync(boxes, wanted.data(), wanted.size() * sizeof(boxf), cudaMemcpyHostToDevice, stream_),
          "cudaMemcpyAsync");
    stream_.wait();
  }

  void take_masks(std::vector<detections>& found) {
    mask_predictions p = masks_of(detection_masks);
    const std::vector<float> logits =
        fetch(p.logits, static_cast<std::size_t>(p.batch) * static_cast<std::size_t>(p.proposals) *
                            static_cast<std::size_t>(p.height * p.width) * static_cast<std::size_t>(p.classes));
    p.logits = logits.data();
    put_masks(p, found);
  }

  step_report report_of(double penalty) const {
    return make_report(losses_.host().losses, static_cast<float>(penalty), options_.has_second_stage(),
                       trains_ && options_.has_masks());
  }

  const faster_rcnn_options<Axes>& options_;
  box_classifier_post_processing post_processing_;
  std::uint64_t seed_;
  int proposals_layer_ = -1;
  faster_rcnn_memory<Axes> memory_;
  bool trains_ = false;
  const sized_batch* sized_ = nullptr;
  replayed evaluate_, detect_;     ///< of the last size; sizes of photos may have no end
  std::vector<detections> found_;  ///< of the last inference
  mirrored<two_stage_losses_report> losses_;
};

/// For faster_rcnn_cuda_registry.
template <class Axes>
std::unique_ptr<device_step> make_faster_rcnn_step(const faster_rcnn_options<Axes>& options, const network& net,
                                                   const variable_layout& layout, const run_options& run,
                                                   box_classifier_post_processing post_processing) {
  return std::make_unique<faster_rcnn_step<Axes>>(options, net, layout, run, std::move(post_processing));
}

}  // namespace odt::cuda
