// SPDX-License-Identifier: MIT
// A family of one's own: it says which classes a picture has, not where. The network is a backbone, the mean over its
// last map, and a number a class; the loss is the cross entropy of its sigmoid.
#pragma once

#include <odt/backbones/mobilenet_v1.hpp>
#include <odt/detectors/detector_core.hpp>
#include <odt/detectors/training_options.hpp>
#include <odt/exec/cpu/step_core.hpp>
#include <odt/optimizers/momentum.hpp>

/// What a person chooses.
struct tagger_options : odt::training_options<odt::momentum> {
  int num_classes = 2;
  odt::image_resizer resizer = odt::image_resizer::fixed_shape({96, 96});

  static void axes(auto& o, auto&& axis) { axis(optimizer_place, o.optimizer); }
};

/// Image to one number a class.
inline odt::network tagger_network(const tagger_options& o) {
  odt::network net;
  const odt::endpoints base = odt::backbones::mobilenet_v1(net, 0, {.variables = "Base", .depth_multiplier = 0.25f});
  const odt::hyperparams linear{.act = odt::activation::none, .has_batch_norm = false};
  const int mean = net.global_pool(base.at("Conv2d_13_pointwise"), "mean");
  const int logits = odt::convolve(net, mean, {.scope = "Tags", .channels = o.num_classes}, linear);
  net.outputs.push_back({.name = "tags", .columns = o.num_classes, .layers = {logits}});
  return net;
}

/// What is a tagger's in a step: the loss, and what is told of a picture.
class tagger_step final : public odt::cpu::step_core<odt::momentum> {
 public:
  tagger_step(const tagger_options& o, const odt::network& net, const odt::variable_layout& layout,
              const odt::run_options& run)
      : step_core(o.optimizer, o.update, net, layout, run), classes_(o.num_classes) {}

  odt::step_report train(std::span<const odt::batch> shards, float learning_rate, std::int64_t step) override {
    std::vector<double> losses(shards.size());
    const auto at = [](int shard) { return static_cast<std::size_t>(shard); };
    differentiate(shards, step, [&](int shard) {
      const odt::batch& b = shards[at(shard)];
      losses[at(shard)] = cross_entropy(b, b.size * all_shards(), runner_.output_gradient(0));
    });
    const double loss = sum_over_shards<1>([&](int shard) { return std::array{losses[at(shard)]}; })[0];
    const odt::update_report updated = learn(std::isfinite(loss), learning_rate);
    odt::step_report report = report_of(static_cast<float>(loss));
    report.finite = updated.finite;
    return report;
  }

  odt::step_report evaluate(const odt::batch& b) override {
    infer(b);
    return report_of(cross_entropy(b, b.size, nullptr));
  }

  std::vector<odt::detections> detect(const odt::batch& b) override {
    infer(b);
    std::vector<odt::detections> found(static_cast<std::size_t>(b.size));
    for (int i = 0; i < b.size; ++i)
      for (int c = 0; c < classes_; ++c)
        found[static_cast<std::size_t>(i)].push_back({{0, 0, 1, 1}, c, probability(i, c)});
    return found;
  }

 private:
  std::size_t workspace_bytes() const override { return 0; }

  float probability(int image, int c) { return 1 / (1 + std::exp(-runner_.output(0)[image * classes_ + c])); }

  /// What a batch adds to the mean over so many images.
  float cross_entropy(const odt::batch& b, int images, float* gradient) {
    float sum = 0;
    for (int i = 0; i < b.size; ++i)
      for (int c = 0; c < classes_; ++c) {
        const auto first = b.classes.begin() + std::ptrdiff_t{i} * b.max_boxes;
        const bool has = std::find(first, first + b.counts[static_cast<std::size_t>(i)], c) !=
                         first + b.counts[static_cast<std::size_t>(i)];
        const float p = probability(i, c);
        sum -= std::log(has ? p : 1 - p);
        if (gradient) gradient[i * classes_ + c] = (p - (has ? 1.0f : 0.0f)) / static_cast<float>(images);
      }
    return sum / static_cast<float>(images);
  }

  static odt::step_report report_of(float loss) {
    odt::step_report report;
    report.losses = {{"Loss/tags", loss}};
    report.total_loss = loss;
    return report;
  }

  int classes_;
};

class image_tagger final : public odt::detector_core<tagger_options> {
 public:
  explicit image_tagger(options o = {}, const odt::run_options& run = {})
      : detector_core(std::move(o), run, &tagger_network) {
    begin(std::make_unique<tagger_step>(options_, network_, layout_, run_));
  }

  odt::pixel_transform pixels() const override { return odt::pixel_transform::minus_one_to_one(); }
};
