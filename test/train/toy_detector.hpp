// SPDX-License-Identifier: MIT
// A deterministic linear toy that is a detector to the trainer: one weight per feature of an image's mean colour,
// momentum, moving averages, and noise drawn from (seed, step) as dropout would.
#pragma once

#include <odt/core/random.hpp>
#include <odt/detector.hpp>

#include <array>
#include <cmath>
#include <limits>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace odt::test {

class toy_detector : public detector {
 public:
  explicit toy_detector(std::uint64_t seed = 0, int classes = 1) : seed_(seed), classes_(classes) {
    random_stream random(seed, 1);
    for (float& w : weights_) w = random.normal();
    averages_ = weights_;
  }

  int num_classes() const override { return classes_; }
  const image_resizer& resizer() const override { return resizer_; }
  pixel_transform pixels() const override { return pixel_transform::minus_one_to_one(); }
  detector_description describe(int batch, size2 image) const override {
    return {{{"feature extractor", "toy", "3 weights"}}, 4, 3, 1, batch * image.height, 64};
  }

  step_report train_step(const batch& b) override {
    step_report report = losses(b);
    report.learning_rate = 0.05f;
    if (poison_at >= 0 && step_ == poison_at) report.total_loss = std::numeric_limits<float>::quiet_NaN();
    report.finite = std::isfinite(report.total_loss);
    if (!report.finite) return report;
    random_stream noise(seed_, static_cast<std::uint64_t>(step_), 7);
    for (std::size_t i = 0; i < weights_.size(); ++i) {
      const float gradient = gradient_[i] + 0.01f * noise.normal();
      momentum_[i] = 0.9f * momentum_[i] + gradient;
      weights_[i] -= report.learning_rate * momentum_[i];
      averages_[i] -= 0.1f * (averages_[i] - weights_[i]);
      report.gradient_norm += gradient * gradient;
    }
    report.details = {{"TargetAssignment/AvgNumPositiveAnchorsPerImage", 1.0f}};
    ++step_;
    return report;
  }
  step_report evaluate(const batch& b) override { return losses(b); }

  /// Finds every image's first box, so that metrics have something to count.
  std::vector<detections> detect(const batch& b) override {
    std::vector<detections> all(static_cast<std::size_t>(b.size));
    for (std::size_t i = 0; i < all.size(); ++i)
      if (i < b.groundtruth.size() && b.groundtruth[i].size() > 0)
        all[i].push_back({b.groundtruth[i].boxes[0], b.groundtruth[i].classes[0], 0.9f});
    return all;
  }
  detections detect(const image&) override { return {{{0.25f, 0.25f, 0.75f, 0.5f}, 0, 0.8f}}; }

  std::vector<state_tensor> state() override {
    std::vector<state_tensor> all;
    edit_state([&all](std::span<const editable_tensor> tensors) {
      for (const auto& t : tensors) all.push_back({t.name, t.shape, t.values, t.model_variable, t.trainable});
    });
    return all;
  }
  void edit_state(const state_editor& edit) override {
    const std::vector<editable_tensor> tensors = {
        {"FeatureExtractor/Toy/weights", {3}, std::span(weights_).first(3)},
        {"BoxPredictor_0/biases", {1}, std::span(weights_).last(1)},
        {"FeatureExtractor/Toy/weights/Momentum", {3}, std::span(momentum_).first(3), false},
        {"BoxPredictor_0/biases/Momentum", {1}, std::span(momentum_).last(1), false},
        {"FeatureExtractor/Toy/weights/ExponentialMovingAverage", {3}, std::span(averages_).first(3), false},
        {"BoxPredictor_0/biases/ExponentialMovingAverage", {1}, std::span(averages_).last(1), false}};
    edit(tensors);
  }
  std::int64_t global_step() const override { return step_; }
  void set_global_step(std::int64_t step) override { step_ = step; }
  bool has_averages() const override { return true; }
  void swap_averages() override { std::swap(weights_, averages_); }
  void reset_averages() override { averages_ = weights_; }
  std::string first_non_finite_layer(const batch&) override { return "FeatureExtractor/Toy/Conv2d_0"; }

  const std::array<float, 4>& weights() const { return weights_; }
  const std::array<float, 4>& averages() const { return averages_; }

  std::int64_t poison_at = -1;  ///< the step whose loss is not a number

  static detector_type type() {
    return {"toy",
            [](const settings& root) -> std::string {
              const settings* kind = root.find("model")->find("ssd")->find("feature_extractor")->find("type");
              return kind->text == "toy" ? "" : str("feature_extractor is ", kind->text, ", not toy");
            },
            [](const settings& root, const run_options& run) -> std::unique_ptr<detector> {
              root.at("model").accept();
              root.at("train_config").accept();
              return std::make_unique<toy_detector>(run.seed, root.at("model").at("ssd").get<int>("num_classes"));
            }};
  }

 private:
  step_report losses(const batch& b) {
    gradient_ = {};
    double total = 0;
    const auto pixels = static_cast<std::size_t>(b.height) * static_cast<std::size_t>(b.width);
    for (std::size_t i = 0; i < static_cast<std::size_t>(b.size); ++i) {
      std::array<float, 4> x{0, 0, 0, 1};
      for (std::size_t p = 0; p < pixels * 3; ++p)
        x[p % 3] += b.images[i * pixels * 3 + p] / static_cast<float>(pixels);
      float error = -static_cast<float>(b.counts[i]) * 0.1f;
      for (std::size_t k = 0; k < 4; ++k) error += weights_[k] * x[k];
      for (std::size_t k = 0; k < 4; ++k) gradient_[k] += error * x[k] / static_cast<float>(b.size);
      total += 0.5 * error * error / b.size;
    }
    step_report report;
    report.total_loss = static_cast<float>(total);
    report.losses = {{"Loss/classification_loss", report.total_loss}, {"Loss/localization_loss", 0.0f}};
    return report;
  }

  std::uint64_t seed_;
  int classes_;
  std::int64_t step_ = 0;
  image_resizer resizer_ = image_resizer::fixed_shape({8, 8});
  std::array<float, 4> weights_{}, momentum_{}, averages_{}, gradient_{};
};

}  // namespace odt::test
