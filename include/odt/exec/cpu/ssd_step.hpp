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
#include <array>
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

  step_report train(std::span<const batch> shards, float learning_rate, std::int64_t step) override {
    targets_.resize(shards.size());
    const auto at = [](int shard) { return static_cast<std::size_t>(shard); };
    const double matches = core::template sum_over_shards<1>([&](int shard) {
      const batch& b = shards[at(shard)];
      core::use_plan(b, run_mode::train);
      return std::array{assign_targets(b, size_of(b), targets_[at(shard)])};
    })[0];
    std::vector<ssd_losses_report> losses(shards.size());
    core::differentiate(shards, step, [&](int shard) {
      losses[at(shard)] = compute_loss(size_of(shards[at(shard)]), targets_[at(shard)], matches,
                                       {runner_.output_gradient(box_encodings), runner_.output_gradient(class_logits)});
    });
    const auto sums = core::template sum_over_shards<sums_of_a_step>([&](int shard) {
      const batch& b = shards[at(shard)];
      return numbers_of(b, size_of(b), targets_[at(shard)], losses[at(shard)]);
    });
    const update_report updated = core::learn(std::isfinite(sums[0] + sums[1]), learning_rate);
    step_report report =
        report_of(sums, shards[0].size * core::all_shards(), static_cast<float>(updated.regularization_loss));
    report.gradient_norm = static_cast<float>(updated.gradient_norm);
    report.finite = updated.finite;
    return report;
  }

  step_report evaluate(const batch& b) override {
    core::infer(b);
    per_size& sized = size_of(b);
    targets_.resize(1);
    const double matches = assign_targets(b, sized, targets_[0]);
    const ssd_losses_report losses = compute_loss(sized, targets_[0], matches, {});
    return report_of(numbers_of(b, sized, targets_[0], losses), b.size, static_cast<float>(core::penalty()));
  }

  std::vector<detections> detect(const batch& b) override {
    core::infer(b);
    const per_size& sized = size_of(b);
    return detections_(b, predictions(sized), sized.anchors);
  }

  /// The targets of a shard: [batch, anchors(, code_size)].
  struct targets {
    std::vector<int> match, classes;
    std::vector<float> class_weights, regression, regression_weights;
  };
  /// Those of the last step's last shard.
  const targets& last_targets() const { return targets_.back(); }
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
    std::size_t bytes = 0;
    for (const targets& t : targets_)
      bytes += core::bytes_of(t.match, t.classes, t.class_weights, t.regression, t.regression_weights);
    for (const auto& s : sizes_) {
      bytes += core::bytes_of(s->anchors, s->loss->classification, s->loss->localization, s->loss->kept);
      for (const auto& tile : s->loss->tiles) bytes += core::bytes_of(tile);
    }
    return bytes;
  }

  /// Of a batch whose plan is current.
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

  /// Says how much the matches weigh.
  double assign_targets(const batch& b, per_size& sized, targets& t) {
    const part_timer timer(observer_, "assign targets");
    const std::size_t rows = static_cast<std::size_t>(b.size) * sized.anchors.size();
    const auto code_size = static_cast<std::size_t>(runner_.current().columns(box_encodings));
    if (t.match.size() < rows || t.regression.size() < rows * code_size) {
      t.match.resize(rows), t.classes.resize(rows), t.class_weights.resize(rows);
      t.regression.resize(rows * code_size), t.regression_weights.resize(rows);
    }
    const ground_truth truth{b.size, b.max_boxes, b.counts.data(), b.boxes.data(), b.classes.data(), b.weights.data()};
    std::visit(
        [&](const auto& compare, const auto& match, const auto& coder) {
          assign(pool_, compare, match, coder, truth, options_.loss.negative_class_weight, *sized.assign, views(t));
        },
        options_.similarity, options_.matcher, options_.box_coder);
    return total_matches(rows, views(t));
  }

  static assigned_targets views(targets& t) {
    return {t.match.data(), t.classes.data(), t.class_weights.data(), t.regression.data(), t.regression_weights.data()};
  }

  ssd_losses_report compute_loss(per_size& sized, targets& t, double matches,
                                 const ssd_prediction_gradients& gradients) {
    const part_timer timer(observer_, "loss", loss_cost(runner_.current()));
    return std::visit(
        [&](const auto& classes, const auto& boxes, const auto& coder) {
          return ssd_loss(pool_, classes, boxes, coder, options_.loss, sized.anchors, predictions(sized), gradients,
                          views(t), matches, *sized.loss);
        },
        options_.classification_loss, options_.localization_loss, options_.box_coder);
  }

  /// What the shards of a step add up: both losses, then what ssd_counts has.
  static constexpr std::size_t sums_of_a_step = 9;
  using step_sums = std::array<double, sums_of_a_step>;

  step_sums numbers_of(const batch& b, const per_size& sized, const targets& t, const ssd_losses_report& losses) const {
    const ssd_counts c = count_targets(b, t, sized.anchors.size());
    return {losses.classification, losses.localization, c.boxes,   c.matched_boxes,
            c.positives,           c.negatives,         c.ignored, losses.mined_positives,
            losses.mined_negatives};
  }

  step_report report_of(const step_sums& sums, int images, float penalty) const {
    step_report report;
    const auto classification = static_cast<float>(sums[0]), localization = static_cast<float>(sums[1]);
    report.losses = {{"Loss/classification_loss", classification},
                     {"Loss/localization_loss", localization},
                     {"Loss/regularization_loss", penalty}};
    report.total_loss = classification + localization + penalty;
    report.details = ssd_details({sums[2], sums[3], sums[4], sums[5], sums[6], sums[7], sums[8]}, images,
                                 options_.loss.miner.has_value());
    return report;
  }

  ssd_counts count_targets(const batch& b, const targets& t, std::size_t anchors) const {
    ssd_counts c;
    std::vector<std::uint8_t> has_anchor;
    const int* match = t.match.data();
    for (std::size_t i = 0; i < static_cast<std::size_t>(b.size); ++i, match += anchors) {
      has_anchor.assign(static_cast<std::size_t>(b.max_boxes), 0);
      for (std::size_t a = 0; a < anchors; ++a) {
        if (match[a] >= 0) has_anchor[static_cast<std::size_t>(match[a])] = 1;
        c.positives += match[a] >= 0;
        c.negatives += match[a] == unmatched;
        c.ignored += match[a] == ignored;
      }
      c.boxes += b.counts[i];
      c.matched_boxes += static_cast<double>(std::ranges::count(has_anchor, 1));
    }
    return c;
  }

  const ssd_options<Axes>& options_;
  std::vector<targets> targets_;      ///< by shard
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
