// SPDX-License-Identifier: MIT
// What is an SSD's in a train step, an evaluation and a detection on the CPU. Kernels are instantiated for the policies
// that they inline, never for the detector: assignment for similarity x matcher x coder, the loss for both losses x
// coder, the update for the optimizer.
#pragma once

#include <odt/box_predictor.hpp>
#include <odt/exec/cpu/boxes/assign.hpp>
#include <odt/exec/cpu/boxes/ssd_detections.hpp>
#include <odt/exec/cpu/boxes/ssd_loss.hpp>
#include <odt/exec/cpu/step_core.hpp>
#include <odt/exec/part_timer.hpp>
#include <odt/exec/recently_used.hpp>
#include <odt/exec/ssd_report.hpp>
#include <odt/nn/cost.hpp>
#include <odt/nn/shapes.hpp>
#include <odt/ssd/devices.hpp>
#include <odt/ssd/options.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <memory>
#include <span>
#include <variant>
#include <vector>

namespace odt::cpu {
inline namespace ODT_ISA {

template <class Axes>
class ssd_step final : public step_core<typename Axes::optimizer> {
  using core = step_core<typename Axes::optimizer>;
  using core::net_, core::observer_, core::pool_, core::runner_;

 public:
  /// The references must outlive the step.
  ssd_step(const ssd_options<Axes>& options, const network& net, const variable_layout& layout, const run_options& run)
      : core(options.optimizer, options.update, net, layout, run), options_(options) {}

  step_report train(const batch& b, float learning_rate, std::int64_t step) override {
    core::propagate(b, step);
    per_size& sized = size_of(b);
    assign_targets(b, sized);
    const ssd_losses_report losses =
        compute_loss(sized, {runner_.output_gradient(box_encodings), runner_.output_gradient(class_logits)});
    const update_report updated =
        core::learn(std::isfinite(losses.localization + losses.classification), learning_rate);
    step_report report = report_of(b, sized, losses, static_cast<float>(updated.regularization_loss));
    report.gradient_norm = static_cast<float>(updated.gradient_norm);
    report.finite = updated.finite;
    return report;
  }

  step_report evaluate(const batch& b) override {
    core::infer(b);
    per_size& sized = size_of(b);
    assign_targets(b, sized);
    const ssd_losses_report losses = compute_loss(sized, {});
    return report_of(b, sized, losses, static_cast<float>(core::penalty()));
  }

  std::vector<detections> detect(const batch& b) override {
    core::infer(b);
    const per_size& sized = size_of(b);
    return detections_(b, predictions(sized), sized.anchors);
  }

  /// The targets of the last step: [batch, anchors(, code_size)].
  struct targets {
    std::vector<int> match, classes;
    std::vector<float> class_weights, regression, regression_weights;
  };
  const targets& last_targets() const { return targets_; }
  /// The anchors of the last step, normalized.
  std::span<const boxf> last_anchors() const { return last_->anchors; }
  const ssd_loss_workspace& last_losses() const { return *last_->loss; }

 private:
  /// What depends on the sizes of a batch.
  struct per_size {
    int batch, max_boxes;
    size2 image;
    std::vector<boxf> anchors;
    std::unique_ptr<assign_workspace> assign;
    std::unique_ptr<ssd_loss_workspace> loss;
  };

  int class_slots() const { return runner_.current().columns(class_logits); }
  ssd_predictions predictions(const per_size& sized) {
    return {sized.batch,
            static_cast<int>(sized.anchors.size()),
            class_slots(),
            runner_.output(box_encodings),
            runner_.output(class_logits),
            options_.loss.add_background_class};
  }

  std::size_t workspace_bytes() const override {
    std::size_t bytes = core::bytes_of(targets_.match, targets_.classes, targets_.class_weights, targets_.regression,
                                       targets_.regression_weights);
    for (const auto& s : sizes_) {
      bytes += core::bytes_of(s->anchors, s->loss->classification, s->loss->localization, s->loss->kept);
      for (const auto& tile : s->loss->tiles) bytes += core::bytes_of(tile);
    }
    return bytes;
  }

  /// Of a batch whose network has run.
  per_size& size_of(const batch& b) {
    last_ = sizes_.find([&b](const per_size& s) {
      return s.batch == b.size && s.image == size2{b.height, b.width} && s.max_boxes >= b.max_boxes;
    });
    if (last_) return *last_;
    auto sized = std::make_unique<per_size>(per_size{b.size, b.max_boxes, {b.height, b.width}, {}, {}, {}});
    const std::vector<size2> maps = feature_map_sizes(net_, sized->image);
    sized->anchors = std::visit([&](const auto& generator) { return generator.generate(maps, sized->image); },
                                options_.anchor_generator);
    const int anchors = static_cast<int>(sized->anchors.size());
    const bool keep = std::visit([](const auto& how) { return !column_matcher<std::remove_cvref_t<decltype(how)>>; },
                                 options_.matcher);
    sized->assign = std::make_unique<assign_workspace>(sized->anchors, b.max_boxes, pool_.size(), keep);
    sized->loss = std::make_unique<ssd_loss_workspace>(b.size, anchors, class_slots(), pool_.size());
    return *(last_ = &sizes_.add(std::move(sized)));
  }

  void assign_targets(const batch& b, per_size& sized) {
    const part_timer timer(observer_, "assign targets");
    const std::size_t rows = static_cast<std::size_t>(b.size) * sized.anchors.size();
    const auto code_size = static_cast<std::size_t>(runner_.current().columns(box_encodings));
    if (targets_.match.size() < rows || targets_.regression.size() < rows * code_size) {
      targets_.match.resize(rows), targets_.classes.resize(rows), targets_.class_weights.resize(rows);
      targets_.regression.resize(rows * code_size), targets_.regression_weights.resize(rows);
    }
    const ground_truth truth{b.size, b.max_boxes, b.counts.data(), b.boxes.data(), b.classes.data(), b.weights.data()};
    std::visit(
        [&](const auto& compare, const auto& match, const auto& coder) {
          assign(pool_, compare, match, coder, truth, options_.loss.negative_class_weight, *sized.assign, views());
        },
        options_.similarity, options_.matcher, options_.box_coder);
  }

  assigned_targets views() {
    return {targets_.match.data(), targets_.classes.data(), targets_.class_weights.data(), targets_.regression.data(),
            targets_.regression_weights.data()};
  }

  ssd_losses_report compute_loss(per_size& sized, const ssd_prediction_gradients& gradients) {
    const part_timer timer(observer_, "loss", loss_cost(runner_.current()));
    return std::visit(
        [&](const auto& classes, const auto& boxes, const auto& coder) {
          return ssd_loss(pool_, classes, boxes, coder, options_.loss, sized.anchors, predictions(sized), gradients,
                          views(), *sized.loss, core::ranks());
        },
        options_.classification_loss, options_.localization_loss, options_.box_coder);
  }

  step_report report_of(const batch& b, const per_size& sized, const ssd_losses_report& losses, float penalty) const {
    step_report report;
    report.losses = {{"Loss/classification_loss", losses.classification},
                     {"Loss/localization_loss", losses.localization},
                     {"Loss/regularization_loss", penalty}};
    report.total_loss = losses.classification + losses.localization + penalty;
    ssd_counts counts = count_targets(b, sized.anchors.size());
    counts.mined_positives = losses.mined_positives, counts.mined_negatives = losses.mined_negatives;
    report.details = ssd_details(counts, b.size, options_.loss.miner.has_value());
    return report;
  }

  ssd_counts count_targets(const batch& b, std::size_t anchors) const {
    std::int64_t boxes = 0, matched = 0, positives = 0, negatives = 0, disregarded = 0;
    std::vector<std::uint8_t> has_anchor;
    const int* match = targets_.match.data();
    for (std::size_t i = 0; i < static_cast<std::size_t>(b.size); ++i, match += anchors) {
      has_anchor.assign(static_cast<std::size_t>(b.max_boxes), 0);
      for (std::size_t a = 0; a < anchors; ++a) {
        if (match[a] >= 0) has_anchor[static_cast<std::size_t>(match[a])] = 1;
        positives += match[a] >= 0;
        negatives += match[a] == unmatched;
        disregarded += match[a] == ignored;
      }
      boxes += b.counts[i];
      matched += std::ranges::count(has_anchor, 1);
    }
    const auto number = [](std::int64_t count) { return static_cast<double>(count); };
    return {.boxes = number(boxes),
            .matched_boxes = number(matched),
            .positives = number(positives),
            .negatives = number(negatives),
            .ignored = number(disregarded)};
  }

  const ssd_options<Axes>& options_;
  targets targets_;
  recently_used<per_size, 8> sizes_;  ///< planned again in far less than a step
  per_size* last_ = nullptr;
  ssd_detections<Axes> detections_{options_, pool_};
};

}  // namespace ODT_ISA
}  // namespace odt::cpu

namespace odt {

template <class Axes>
std::unique_ptr<device_step> make_cpu_step(const ssd_options<Axes>& options, const network& net,
                                           const variable_layout& layout, const run_options& run) {
  return std::make_unique<cpu::ssd_step<Axes>>(options, net, layout, run);
}

}  // namespace odt
