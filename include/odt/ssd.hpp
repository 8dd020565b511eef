// SPDX-License-Identifier: MIT
// The single shot detector (Liu et al., arXiv:1512.02325) as the TensorFlow Object Detection API builds it:
//
//   using pets = odt::ssd<odt::inception_v2, odt::faster_rcnn_box_coder, odt::argmax_matcher, odt::rms_prop>;
//   static_assert(pets::anchor_count({300, 300}) == 1917);
//
// Every axis is a policy, or any_of several among which pipeline.config chooses; sizes, parameters and memory are known
// at compile time; hyperparameters come at run time.
#pragma once

#include <odt/anchor_generators/ssd.hpp>
#include <odt/box_coders/faster_rcnn.hpp>
#include <odt/box_predictors/convolutional.hpp>
#include <odt/detector.hpp>
#include <odt/exec/step.hpp>
#include <odt/feature_extractors/inception_v2.hpp>
#include <odt/feature_extractors/mobilenet_v1.hpp>
#include <odt/losses/focal.hpp>
#include <odt/losses/l2.hpp>
#include <odt/losses/sigmoid.hpp>
#include <odt/losses/smooth_l1.hpp>
#include <odt/losses/softmax.hpp>
#include <odt/matchers/argmax.hpp>
#include <odt/matchers/bipartite.hpp>
#include <odt/nn/arena.hpp>
#include <odt/nn/lower.hpp>
#include <odt/nn/variable_filter.hpp>
#include <odt/nn/variable_layout.hpp>
#include <odt/optimizers/adam.hpp>
#include <odt/optimizers/momentum.hpp>
#include <odt/optimizers/rms_prop.hpp>
#include <odt/similarities/iou.hpp>
#include <odt/ssd/devices.hpp>
#include <odt/ssd/network.hpp>
#include <odt/ssd/options.hpp>
#include <odt/ssd/state.hpp>

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#if !defined(__CUDACC__)
#include <odt/exec/cpu/ssd_step.hpp>
#endif

namespace odt {

/// The losses of the two heads.
template <class Classification = any_of<weighted_sigmoid, weighted_softmax, weighted_sigmoid_focal>,
          class Localization = any_of<weighted_smooth_l1, weighted_l2>>
struct ssd_losses {
  using classification = Classification;
  using localization = Localization;
};

/// How boxes are laid over the feature maps, predicted, and compared.
template <class BoxPredictor = convolutional_box_predictor, class AnchorGenerator = ssd_anchor_generator,
          class Similarity = iou_similarity>
struct ssd_layout {
  using box_predictor = BoxPredictor;
  using anchor_generator = AnchorGenerator;
  using similarity = Similarity;
};

template <class FeatureExtractor, class BoxCoder = faster_rcnn_box_coder,
          class Matcher = any_of<argmax_matcher, bipartite_matcher>, class Optimizer = any_of<rms_prop, momentum, adam>,
          class Losses = ssd_losses<>, class Layout = ssd_layout<>>
class ssd final : public detector {
 public:
  using axes = ssd_axes<FeatureExtractor, BoxCoder, Matcher, Optimizer, Losses, Layout>;
  using options = ssd_options<axes>;

  static_assert(detail::fits_ssd<axes>());

  // What follows from the type alone: its first policies with their default options.

  /// Boxes predicted for images of that size.
  static constexpr int anchor_count(size2 image_size) { return odt::anchor_count(default_network(), image_size); }
  /// Trainable numbers.
  static constexpr std::int64_t parameter_count(int num_classes = 90) {
    return odt::parameter_count(default_network(num_classes));
  }
  /// Multiply-adds of the forward pass of one image.
  static constexpr std::int64_t multiply_adds(size2 image_size, int num_classes = 90) {
    return odt::multiply_adds(default_network(num_classes), image_size);
  }
  /// Bytes of activations and gradients that a train step keeps at once.
  static constexpr std::int64_t train_step_bytes(int batch, size2 image_size, int num_classes = 90) {
    return peak_bytes(lower(default_network(num_classes), batch, image_size, run_mode::train));
  }

  explicit ssd(options o = {}, const run_options& run = {})
      : options_(std::move(o)), run_(run), network_(ssd_network(options_)), layout_(lay_out(network_)) {
    select_trainable(layout_.variables, options_.update_trainable_variables, options_.freeze_variables);
    adopt_trainable(network_, layout_);
    multiply_bias_gradients(layout_.variables, options_.bias_grad_multiplier);
    step_ = detail::make_ssd_step<axes>(options_, network_, layout_, run_);
    std::visit([&](const auto& how) { detail::initialize_stores(layout_, step_->stores(), run_.seed, how); },
               options_.optimizer);
  }

  /// Reads a pipeline (its root) and marks what it reads.
  static ssd from(const settings& root, const run_options& run = {}) { return ssd(options::from(root), run); }

  /// For odt::cli and others that do not know the type.
  static detector_type type() {
    return {detail::axes_name<axes>(), [](const settings& root) { return detail::axes_mismatch<axes>(root); },
            [](const settings& root, const run_options& run) -> std::unique_ptr<detector> {
              return std::make_unique<ssd>(options::from(root), run);
            },
            ssd_cuda_registry<axes>::maker != nullptr};
  }

  const options& opts() const { return options_; }
  const network& layers() const { return network_; }
  const variable_layout& variables() const { return layout_; }
  /// The device's side: stores of values and gradients.
  device_step& device() { return *step_; }

  int num_classes() const override { return options_.num_classes; }
  const image_resizer& resizer() const override { return options_.resizer; }
  pixel_transform pixels() const override {
    return std::visit([](const auto& extractor) { return extractor.pixels; }, options_.feature_extractor);
  }
  detector_description describe(int batch_size, size2 image_size) const override {
    return detail::describe_ssd(options_, network_, layout_, batch_size, image_size);
  }

  bool makes_images() const override { return step_->makes_images(); }
  step_report train_step(const batch& b) override {
    const float rate = options_.rate.at(global_step_);
    step_report report = step_->train(b, rate, global_step_);
    report.learning_rate = rate;
    if (report.finite) ++global_step_;
    return report;
  }
  void announce(const batch& next) override { step_->announce(next); }
  step_report evaluate(const batch& b) override { return step_->evaluate(b); }
  std::vector<detections> detect(const batch& b) override { return step_->detect(b); }
  detections detect(const image& picture) override {
    const network_input input = prepare(picture, options_.resizer, pixels());
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

 private:
  std::vector<editable_tensor> editable_state() {
    return std::visit([this](const auto& how) { return detail::state_of(layout_, step_->stores(), how); },
                      options_.optimizer);
  }

  static constexpr network default_network(int num_classes = 90) {
    using std::get;
    return ssd_network(get<0>(choice_of<typename axes::feature_extractor>{}),
                       get<0>(choice_of<typename axes::box_predictor>{}),
                       get<0>(choice_of<typename axes::anchor_generator>{}), num_classes + 1);
  }

  options options_;
  run_options run_;
  network network_;
  variable_layout layout_;
  std::unique_ptr<device_step> step_;
  std::int64_t global_step_ = 0;
};

}  // namespace odt
