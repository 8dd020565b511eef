// SPDX-License-Identifier: MIT
// What every family of detectors is besides its network and its device's step: variables, their state in checkpoints,
// the schedule of the learning rate.
#pragma once

#include <odt/calibration.hpp>
#include <odt/core/image.hpp>
#include <odt/detector.hpp>
#include <odt/detectors/axes.hpp>
#include <odt/detectors/describe.hpp>
#include <odt/detectors/schedule_follower.hpp>
#include <odt/detectors/state.hpp>
#include <odt/exec/step.hpp>
#include <odt/nn/lower.hpp>
#include <odt/nn/shapes.hpp>
#include <odt/nn/variable_filter.hpp>
#include <odt/nn/variable_layout.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace odt {

/// Options has training_options, a table of axes, and `num_classes` and `resizer`. A family gives its network to the
/// constructor, and its step to begin().
template <class Options>
class detector_core : public detector, public schedule_follower {
 public:
  using options = Options;

  // What follows from the options' type alone, by Options::default_network(): its first policies with their default
  // options.

  /// Anchors for images of that size, before any are dropped.
  static constexpr int anchor_count(size2 image_size) {
    return odt::anchor_count(Options::default_network(usual_classes), image_size);
  }
  /// Trainable numbers.
  static constexpr std::int64_t parameter_count(int num_classes = usual_classes) {
    return odt::parameter_count(Options::default_network(num_classes));
  }
  /// Multiply-adds of the forward pass of one image.
  static constexpr std::int64_t multiply_adds(size2 image_size, int num_classes = usual_classes) {
    return odt::multiply_adds(Options::default_network(num_classes), image_size);
  }
  /// Bytes of activations and gradients that a train step keeps at once.
  static constexpr std::int64_t train_step_bytes(int batch, size2 image_size, int num_classes = usual_classes) {
    return peak_bytes(lower(Options::default_network(num_classes), batch, image_size, run_mode::train));
  }

  const Options& opts() const { return options_; }
  const network& layers() const { return network_; }
  const variable_layout& variables() const { return layout_; }
  /// The device's side: stores of values and gradients.
  device_step& device() { return *step_; }

  int num_classes() const override { return options_.num_classes; }
  const image_resizer& resizer() const override { return options_.resizer; }
  detector_description describe(int batch_size, size2 image_size) const override {
    const int slots =
        std::visit([](const auto& how) { return static_cast<int>(how.slots.size()); }, options_.optimizer);
    const int copies = 1 + slots + (options_.update.average ? 1 : 0);
    detector_description d = describe_network(network_, layout_, copies, batch_size, image_size);
    d.parts = describe_axes(options_);
    if constexpr (requires { options_.post_processing.calibration; })
      if (const calibration_options& c = options_.post_processing.calibration)
        d.parts.push_back({"calibration", std::string(c.name()), c.summary()});
    return d;
  }

  bool makes_images() const override { return step_->makes_images(); }
  step_report train_step(const batch& b) override { return train_shards({&b, 1}); }
  step_report train_shards(std::span<const batch> shards) override {
    require_shards(shards, run_.shards);
    const float rate = learning_rate();
    step_report report = step_->train(shards, rate, global_step_);
    report.learning_rate = rate;
    if (report.finite) ++global_step_;
    return report;
  }
  void announce(const batch& next) override { step_->announce(next); }
  step_report evaluate(const batch& b) override {
    step_report report = step_->evaluate(b);
    report.learning_rate = learning_rate();
    return report;
  }
  std::vector<detections> detect(const batch& b) override { return step_->detect(b); }
  detections detect(const image& picture) override {
    const network_input input = to_network_input(picture, options_.resizer, pixels());
    batch one = batch::zeros(1, input.pixels.height, input.pixels.width, 0);
    one.images = input.pixels.pixels;
    one.true_sizes = {input.true_size};
    one.original_sizes = {input.original_size};
    return std::move(step_->detect(one)[0]);
  }

  std::vector<state_tensor> state() override { return detail::readable(editable_state()); }
  void edit_state(const state_editor& edit) override {
    edit(editable_state());
    step_->stores();  // evaluations within the edit have seen a part of it
  }
  std::int64_t global_step() const override { return global_step_; }
  void set_global_step(std::int64_t step) override { global_step_ = step; }
  void set_schedule_step(std::int64_t step) override { schedule_step_ = step; }

  std::optional<norm_constants> norm_of(std::string_view variable) const override {
    for (const layer& l : network_.layers)
      for (const int number : {l.variables.gamma, l.variables.moving_mean})
        if (number >= 0 && network_.variables[static_cast<std::size_t>(number)].name.view() == variable)
          return norm_constants{l.norm.epsilon, l.norm.decay, l.norm.train};
    return std::nullopt;
  }

  bool has_averages() const override { return options_.update.average; }
  void swap_averages() override {
    const variable_stores s = step_->stores();
    for (std::size_t i = 0; i < s.averages.size(); ++i) std::swap(s.values[i], s.averages[i]);
  }
  void reset_averages() override {
    const variable_stores s = step_->stores();
    for (std::size_t i = 0; i < s.averages.size(); ++i) s.averages[i] = s.values[i];
  }

  std::string first_non_finite_layer(const batch& b) override { return step_->first_non_finite_layer(b); }
  memory_forecast foresee(std::span<const step_shape> steps) const override { return step_->foresee(steps); }

  void forward(const batch& b) override { step_->forward(b); }
  std::vector<operation_time> profile(const batch& b, bool forward_only) override {
    std::vector<operation_time> times;
    step_->observe([&times](operation_time time) { times.push_back(std::move(time)); });
    forward_only ? forward(b) : void(train_step(b));
    step_->observe({});
    return times;
  }
  std::int64_t planned_bytes() const override { return step_->planned_bytes(); }

 protected:
  detector_core(Options o, const run_options& run, network (*network_of)(const Options&))
      : options_(std::move(o)), run_(run), network_(network_of(options_)), layout_(lay_out(network_)) {
    select_trainable(layout_.variables, options_.update_trainable_variables, options_.freeze_variables);
    adopt_trainable(network_, layout_);
    multiply_bias_gradients(layout_.variables, options_.bias_grad_multiplier);
  }

  /// Takes the device's step, made of the members below, and initializes the variables.
  void begin(std::unique_ptr<device_step> step) {
    step_ = std::move(step);
    std::visit([&](const auto& how) { detail::initialize_stores(layout_, step_->stores(), run_.seed, how); },
               options_.optimizer);
  }

  Options options_;
  run_options run_;
  network network_;
  variable_layout layout_;

 private:
  static constexpr int usual_classes = 90;  ///< COCO's

  float learning_rate() const { return options_.rate.at(schedule_step_.value_or(global_step_)); }

  std::vector<editable_tensor> editable_state() {
    return std::visit([this](const auto& how) { return detail::state_of(layout_, step_->stores(), how); },
                      options_.optimizer);
  }

  std::unique_ptr<device_step> step_;
  std::int64_t global_step_ = 0;
  std::optional<std::int64_t> schedule_step_;
};

}  // namespace odt
