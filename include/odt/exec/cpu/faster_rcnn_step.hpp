// SPDX-License-Identifier: MIT
// What is a two-stage detector's in a train step, an evaluation and a detection on the CPU. The network is one plan:
// it calls back when proposals are wanted, and when the boxes are whose masks are.
#pragma once

#include <odt/exec/cpu/boxes/mask_loss.hpp>
#include <odt/exec/cpu/boxes/two_stage_boxes.hpp>
#include <odt/exec/cpu/boxes/two_stage_detections.hpp>
#include <odt/exec/cpu/step_core.hpp>
#include <odt/exec/part_timer.hpp>
#include <odt/exec/recently_used.hpp>
#include <odt/exec/two_stage_detections.hpp>
#include <odt/exec/two_stage_report.hpp>
#include <odt/faster_rcnn/anchors.hpp>
#include <odt/faster_rcnn/devices.hpp>
#include <odt/faster_rcnn/network.hpp>

#include <algorithm>
#include <cmath>
#include <memory>
#include <span>
#include <variant>
#include <vector>

namespace odt::cpu {
inline namespace ODT_ISA {

template <class Axes>
class faster_rcnn_step final : public step_core<typename Axes::optimizer> {
  using core = step_core<typename Axes::optimizer>;
  using core::net_, core::observer_, core::pool_, core::runner_;

 public:
  /// The references must outlive the step.
  faster_rcnn_step(const faster_rcnn_options<Axes>& options, const network& net, const variable_layout& layout,
                   const run_options& run)
      : core(options.optimizer, options.update, net, layout, run), options_(options), seed_(run.seed) {
    for (int l = 0; l < net.size() && proposals_layer_ < 0; ++l)
      if (net[l].kind == layer_kind::regions) proposals_layer_ = l;
    runner_.choose_regions = [this](int layer, boxf* boxes) {
      layer == proposals_layer_ ? put_proposals(boxes) : put_wanted(boxes);
    };
  }

  step_report train(std::span<const batch> shards, float learning_rate, std::int64_t step) override {
    std::vector<two_stage_losses> of_shards(shards.size());
    const auto at = [](int shard) { return static_cast<std::size_t>(shard); };
    core::differentiate(shards, step,
                        [&](int shard) { of_shards[at(shard)] = compute_losses(shards[at(shard)], true); });
    const two_stage_losses found(core::template sum_over_shards<two_stage_losses::count>(
        [&](int shard) { return of_shards[at(shard)].numbers(); }));
    const update_report updated = core::learn(std::isfinite(found.sum()), learning_rate);
    step_report report = report_of(found, static_cast<float>(updated.regularization_loss), true);
    report.gradient_norm = static_cast<float>(updated.gradient_norm);
    report.finite = updated.finite;
    return report;
  }

  step_report evaluate(const batch& b) override {
    core::infer(b);
    return report_of(compute_losses(b, false), static_cast<float>(core::penalty()), false);
  }

  /// Refuses steps that no anchor takes part in, before the first of them.
  memory_forecast foresee(std::span<const step_shape> steps) const override {
    for (const step_shape& s : steps) select_anchors(options_, net_, s.image, s.trains);
    return core::foresee(steps);
  }

  /// Detections are found too: with masks the network needs them itself.
  void forward(const batch& b) override { detect(b); }

  std::vector<detections> detect(const batch& b) override {
    core::infer(b);
    if (!options_.has_second_stage()) return as_detections(current_->propose(first_stage()), current_->windows());
    if (!options_.has_masks()) find_detections();
    std::vector<detections> found = found_;
    if (options_.has_masks()) put_masks(masks_of(detection_masks), found);
    return found;
  }

  /// Boxes of the last step.
  two_stage_boxes<Axes>& boxes() { return *current_; }

 private:
  std::size_t workspace_bytes() const override {
    std::size_t bytes = core::bytes_of(mask_targets_);
    for (const auto& s : sizes_) bytes += s->bytes();
    return bytes;
  }

  void begin(const batch& b, run_mode mode) override {
    current_ = sizes_.find([&](const two_stage_boxes<Axes>& s) { return s.suits(b, mode); });
    if (!current_)
      current_ = &sizes_.add(std::make_unique<two_stage_boxes<Axes>>(options_, net_, pool_, seed_, b, mode));
    current_->begin(b);
  }

  int batch_size() const { return runner_.current().batch; }

  rpn_predictions first_stage() {
    return {batch_size(), runner_.current().rows(rpn_box_encodings), runner_.output(rpn_box_encodings),
            runner_.output(rpn_objectness)};
  }

  box_classifier_predictions second_stage() {
    return {batch_size(),
            current_->taken().capacity,
            options_.num_classes,
            std::visit([](const auto& p) { return p.shares_boxes(); }, options_.box_predictor),
            runner_.output(refined_box_encodings),
            runner_.output(class_predictions)};
  }

  void put_proposals(boxf* boxes) {
    const part_timer timer(observer_, "proposals");
    const proposals taken = current_->propose(first_stage());
    std::copy_n(taken.normalized, static_cast<std::size_t>(taken.batch) * static_cast<std::size_t>(taken.capacity),
                boxes);
  }

  two_stage_losses compute_losses(const batch& b, bool trains) {
    const part_timer timer(observer_, "loss", loss_cost(runner_.current()));
    const int shards = trains ? core::all_shards() : 1;
    two_stage_losses found;
    current_->assign_first();
    const auto gradient = [&](int output) { return trains ? runner_.output_gradient(output) : nullptr; };
    std::visit(
        [&](const auto& boxes) {
          const auto first = rpn_loss(pool_, options_.objectness_loss, boxes, options_.loss.first, current_->anchors(),
                                      first_stage(), {gradient(rpn_box_encodings), gradient(rpn_objectness)},
                                      current_->first_targets(), current_->sampled(), current_->first_loss(), shards);
          found.rpn_localization = first.localization, found.rpn_objectness = first.objectness;
        },
        options_.localization_loss);
    if (!options_.has_second_stage()) return found;
    current_->assign_second();
    std::visit(
        [&](const auto& classes, const auto& boxes) {
          const auto second =
              box_classifier_loss(pool_, classes, boxes, options_.loss.second, current_->taken(), second_stage(),
                                  {gradient(refined_box_encodings), gradient(class_predictions)},
                                  current_->second_targets(), current_->second_loss(), shards);
          found.localization = second.localization, found.classification = second.classification;
        },
        options_.classification_loss, options_.localization_loss);
    if (options_.has_masks() && trains) found.masks = compute_mask_loss(b);
    return found;
  }

  /// For three stages.
  mask_predictions masks_of(int output) {
    mask_predictions p = options_.masks();
    p.batch = batch_size(), p.proposals = runner_.current().rows(output) / (p.height * p.width);
    p.logits = runner_.output(output);
    return p;
  }

  float compute_mask_loss(const batch& b) {
    require_masks(b);
    const mask_predictions p = masks_of(training_masks);
    const std::size_t rows = static_cast<std::size_t>(p.batch) * static_cast<std::size_t>(p.proposals);
    mask_targets_.resize(rows * static_cast<std::size_t>(p.height) * static_cast<std::size_t>(p.width));
    if (!mask_space_ || mask_space_->costs.size() != rows)
      mask_space_ = std::make_unique<mask_loss_workspace>(p.batch, p.proposals, size2{p.height, p.width}, pool_.size());
    assign_masks(pool_, current_->taken(), current_->second_targets(), b.masks, b.max_boxes, {p.height, p.width},
                 mask_targets_.data());
    return mask_loss(pool_, options_.mask_loss, options_.loss.second.mask_prediction_loss_weight, current_->taken(), p,
                     runner_.output_gradient(training_masks), current_->second_targets(), mask_targets_.data(),
                     *mask_space_, core::all_shards());
  }

  void find_detections() {
    const part_timer timer(observer_, "detections");
    detections_(second_stage(), current_->taken(), current_->windows(), found_);
  }

  /// The boxes whose masks are wanted.
  void put_wanted(boxf* boxes) {
    find_detections();
    put_detections(found_, current_->windows(), current_->image(),
                   static_cast<std::size_t>(options_.post_processing.suppression.max_total_detections), boxes);
  }

  /// As in the API, masks have a loss in training only.
  step_report report_of(const two_stage_losses& found, float penalty, bool trains) const {
    return make_report(found, penalty, options_.has_second_stage(), trains && options_.has_masks());
  }

  const faster_rcnn_options<Axes>& options_;
  std::uint64_t seed_;
  int proposals_layer_ = -1;
  recently_used<two_stage_boxes<Axes>, 8> sizes_;  ///< planned again in far less than a step
  two_stage_boxes<Axes>* current_ = nullptr;
  std::vector<detections> found_;  ///< of the last inference
  two_stage_detections<Axes> detections_{options_, pool_};
  std::vector<float> mask_targets_;
  std::unique_ptr<mask_loss_workspace> mask_space_;
};

}  // namespace ODT_ISA
}  // namespace odt::cpu

namespace odt {

template <class Axes>
std::unique_ptr<device_step> make_cpu_faster_rcnn_step(const faster_rcnn_options<Axes>& options, const network& net,
                                                       const variable_layout& layout, const run_options& run) {
  return std::make_unique<cpu::faster_rcnn_step<Axes>>(options, net, layout, run);
}

}  // namespace odt
