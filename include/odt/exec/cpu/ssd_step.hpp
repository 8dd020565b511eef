// SPDX-License-Identifier: MIT
// An SSD's train step, evaluation and detection on the CPU. Kernels are instantiated for the policies that they inline,
// never for the detector: assignment for similarity x matcher x coder, the loss for both losses x coder, the update for
// the optimizer.
#pragma once

#include <odt/box_predictor.hpp>
#include <odt/core/picture_job.hpp>
#include <odt/core/thread_pool.hpp>
#include <odt/exec/cpu/boxes/assign.hpp>
#include <odt/exec/cpu/boxes/ssd_detections.hpp>
#include <odt/exec/cpu/boxes/ssd_loss.hpp>
#include <odt/exec/cpu/passes/update.hpp>
#include <odt/exec/cpu/runner.hpp>
#include <odt/exec/part_timer.hpp>
#include <odt/exec/step.hpp>
#include <odt/image_resizer.hpp>
#include <odt/nn/cost.hpp>
#include <odt/ssd/devices.hpp>
#include <odt/ssd/options.hpp>

#include <algorithm>
#include <cmath>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace odt::cpu {
inline namespace ODT_ISA {

template <class Axes>
class ssd_step final : public device_step {
 public:
  /// The references must outlive the step.
  ssd_step(const ssd_options<Axes>& options, const network& net, const variable_layout& layout, const run_options& run)
      : options_(options),
        layout_(layout),
        seed_(run.seed),
        pool_(run.threads),
        runner_(net, layout, pool_, run.compute.value_or(precision::fp32)),
        net_(net),
        values_(static_cast<std::size_t>(layout.floats)),
        gradients_(static_cast<std::size_t>(layout.trainable_floats)),
        plan_(cut(layout.variables, layout.trainable_floats)) {
    const std::size_t slots = std::visit([](const auto& how) { return how.slots.size(); }, options_.optimizer);
    for (std::size_t s = 0; s < slots; ++s) slots_.emplace_back(gradients_.size());
    if (options_.update.average) averages_.resize(gradients_.size());
    std::visit([this](const auto& how) { scalars_.resize(how.scalars.size()); }, options_.optimizer);
  }

  step_report train(const batch& b, float learning_rate, std::int64_t step) override {
    per_size& sized = prepare(b, run_mode::train);
    runner_.forget_weights();
    runner_.forward(values_.data(), {seed_, static_cast<std::uint64_t>(step)});
    assign_targets(b, sized);
    ssd_losses_report losses =
        compute_loss(b, sized, runner_.output_gradient(class_logits), runner_.output_gradient(box_encodings));
    runner_.backward(values_.data(), gradients_.data());
    const update_report updated = std::isfinite(losses.localization + losses.classification)
                                      ? update_variables(learning_rate)
                                      : update_report{.finite = false};
    step_report report = report_of(b, sized, losses, static_cast<float>(updated.regularization_loss));
    report.gradient_norm = static_cast<float>(updated.gradient_norm);
    report.finite = updated.finite;
    return report;
  }

  step_report evaluate(const batch& b) override {
    per_size& sized = prepare(b, run_mode::infer);
    runner_.forward(values_.data(), {});
    assign_targets(b, sized);
    const ssd_losses_report losses = compute_loss(b, sized, nullptr, nullptr);
    const double penalty = options_.update.regularize ? regularization_loss(pool_, plan_, values_.data()) : 0.0;
    return report_of(b, sized, losses, static_cast<float>(penalty));
  }

  std::vector<detections> detect(const batch& b) override {
    per_size& sized = prepare(b, run_mode::infer);
    runner_.forward(values_.data(), {});
    return detections_(b, {runner_.output(box_encodings), runner_.output(class_logits), class_slots(), sized.anchors});
  }

  void forward(const batch& b) override {
    prepare(b, run_mode::infer);
    runner_.forward(values_.data(), {});
  }

  std::string first_non_finite_layer(const batch& b) override {
    runner_.keep_all(true);
    prepare(b, run_mode::train);
    std::vector<float> values(values_.begin(), values_.end());  // batch norm would move the averages
    runner_.forward(values.data(), {seed_, 0});
    std::string first;
    for (int l = 0; l < net_.size() && first.empty(); ++l) {
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
    std::size_t bytes = bytes_of(values_, gradients_, averages_, targets_.match, targets_.classes,
                                 targets_.class_weights, targets_.regression, targets_.regression_weights);
    for (const auto& slot : slots_) bytes += bytes_of(slot);
    for (const auto& s : sizes_) {
      bytes += bytes_of(s->anchors, s->loss->classification, s->loss->localization, s->loss->kept);
      for (const auto& tile : s->loss->tiles) bytes += bytes_of(tile);
    }
    return arena_bytes() + static_cast<std::int64_t>(bytes + runner_.packed_bytes());
  }

  /// The kernels' workspaces, a small part, are not in it.
  memory_forecast foresee(std::span<const step_shape> steps) const override {
    std::int64_t arena = 0;
    for (const step_shape& s : steps)
      arena = std::max(
          arena, pack(lower_for_cpu(net_, s.batch, s.image, s.trains ? run_mode::train : run_mode::infer)).floats);
    const std::int64_t own = planned_bytes(), available = available_memory();
    return {arena * std::int64_t{sizeof(float)} + own - arena_bytes(), available > 0 ? available + own : 0, false};
  }

  void observe(step_observer observer) override {
    observer_ = std::move(observer);
    runner_.observer = {};
    if (!observer_) return;
    runner_.observer = [this](const plan_operation& op, double seconds) {
      const operation_cost cost = cost_of(net_, runner_.current(), op);
      observer_({net_[op.layer].name, std::string(name_of(op.kind)), seconds, static_cast<double>(cost.flops),
                 static_cast<double>(cost.bytes)});
    };
  }

  /// The plans' interpreter, for tests and benchmarks that look into a step.
  runner& network_runner() { return runner_; }

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
  int class_slots() const { return runner_.current().columns(class_logits); }

  /// What depends on the sizes of a batch.
  struct per_size {
    int batch, max_boxes;
    size2 image;
    std::vector<boxf> anchors;
    std::unique_ptr<assign_workspace> assign;
    std::unique_ptr<ssd_loss_workspace> loss;
  };

  template <class... Vectors>
  static std::size_t bytes_of(const Vectors&... vectors) {
    return ((vectors.size() * sizeof(vectors[0])) + ...);
  }

  per_size& prepare(const batch& b, run_mode mode) {
    runner_.prepare(b.size, {b.height, b.width}, mode);
    read_images(b);
    const auto same = [&b](const per_size& s) {
      return s.batch == b.size && s.image == size2{b.height, b.width} && s.max_boxes >= b.max_boxes;
    };
    const auto found = std::ranges::find_if(sizes_, [&same](const auto& s) { return same(*s); });
    if (found != sizes_.end()) return *(last_ = found->get());
    auto sized = std::make_unique<per_size>(per_size{b.size, b.max_boxes, {b.height, b.width}, {}, {}, {}});
    const std::vector<size2> maps = feature_map_sizes(net_, sized->image);
    sized->anchors = std::visit([&](const auto& generator) { return generator.generate(maps, sized->image); },
                                options_.anchor_generator);
    const int anchors = static_cast<int>(sized->anchors.size());
    const int slots = class_slots();
    const bool keep = std::visit([](const auto& how) { return !column_matcher<std::remove_cvref_t<decltype(how)>>; },
                                 options_.matcher);
    sized->assign = std::make_unique<assign_workspace>(sized->anchors, b.max_boxes, pool_.size(), keep);
    sized->loss = std::make_unique<ssd_loss_workspace>(b.size, anchors, slots, pool_.size());
    sizes_.push_back(std::move(sized));
    return *(last_ = sizes_.back().get());
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

  ssd_losses_report compute_loss(const batch& b, per_size& sized, float* logits_gradient, float* encodings_gradient) {
    const part_timer timer(observer_, "loss", loss_cost(runner_.current()));
    const ssd_loss_input input{b.size,
                               static_cast<int>(sized.anchors.size()),
                               class_slots(),
                               runner_.output(class_logits),
                               runner_.output(box_encodings),
                               logits_gradient,
                               encodings_gradient};
    return std::visit(
        [&](const auto& classes, const auto& boxes, const auto& coder) {
          return ssd_loss(pool_, classes, boxes, coder, options_.loss, sized.anchors, input, views(), *sized.loss);
        },
        options_.classification_loss, options_.localization_loss, options_.box_coder);
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
          const update_report report = update(pool_, how, scalars, options_.update, learning_rate, plan_, stores);
          for (std::size_t s = 0; s < scalars.size(); ++s) scalars_[s] = scalars[s];
          return report;
        },
        options_.optimizer);
  }

  step_report report_of(const batch& b, const per_size& sized, const ssd_losses_report& losses, float penalty) const {
    step_report report;
    report.losses = {{"Loss/classification_loss", losses.classification},
                     {"Loss/localization_loss", losses.localization},
                     {"Loss/regularization_loss", penalty}};
    report.total_loss = losses.classification + losses.localization + penalty;
    const std::size_t rows = static_cast<std::size_t>(b.size) * sized.anchors.size();
    const auto mean = [&b](double count) { return static_cast<float>(count / b.size); };
    const auto count = [&](auto&& wanted) {
      return mean(static_cast<double>(
          std::count_if(targets_.match.begin(), targets_.match.begin() + static_cast<std::ptrdiff_t>(rows), wanted)));
    };
    double boxes = 0;
    for (const int n : b.counts) boxes += n;
    report.details = {{"TargetAssignment/AvgNumGroundtruthBoxesPerImage", mean(boxes)},
                      {"TargetAssignment/AvgNumPositiveAnchorsPerImage", count([](int m) { return m >= 0; })},
                      {"TargetAssignment/AvgNumNegativeAnchorsPerImage", count([](int m) { return m == unmatched; })},
                      {"TargetAssignment/AvgNumIgnoredAnchorsPerImage", count([](int m) { return m == ignored; })}};
    if (options_.loss.miner) {
      report.details.push_back({"HardExampleMiner/NumPositives", mean(losses.mined_positives)});
      report.details.push_back({"HardExampleMiner/NumNegatives", mean(losses.mined_negatives)});
    }
    return report;
  }

  const ssd_options<Axes>& options_;
  const variable_layout& layout_;
  std::uint64_t seed_;
  thread_pool pool_;
  runner runner_;
  const network& net_;
  aligned_vector<float> values_, gradients_, averages_;
  std::vector<aligned_vector<float>> slots_;
  std::vector<float> scalars_;
  update_plan plan_;
  targets targets_;
  std::vector<std::unique_ptr<per_size>> sizes_;
  per_size* last_ = nullptr;
  step_observer observer_;
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
