// SPDX-License-Identifier: MIT
// All run-time choices of a two-stage detector: the policy of every axis with its options, and the numbers of
// pipeline.config that belong to no policy.
#pragma once

#include <odt/core/any_of.hpp>
#include <odt/core/settings.hpp>
#include <odt/detectors/axes.hpp>
#include <odt/detectors/training_options.hpp>
#include <odt/exec/faster_rcnn_predictions.hpp>
#include <odt/faster_rcnn/loss_options.hpp>
#include <odt/image_resizer.hpp>
#include <odt/nn/hyperparams.hpp>
#include <odt/nn/network.hpp>
#include <odt/post_processing.hpp>

namespace odt {

/// What a two-stage detector is made of; see faster_rcnn.hpp.
template <class FeatureExtractor, class BoxCoder, class Matcher, class Optimizer, class Losses, class Layout>
struct faster_rcnn_axes {
  using feature_extractor = FeatureExtractor;
  using box_coder = BoxCoder;
  using matcher = Matcher;
  using optimizer = Optimizer;
  using classification_loss = typename Losses::classification;
  using objectness_loss = typename Losses::objectness;
  using localization_loss = typename Losses::localization;
  using mask_loss = typename Losses::mask;
  using box_predictor = typename Layout::box_predictor;
  using anchor_generator = typename Layout::anchor_generator;
  using similarity = typename Layout::similarity;
};

/// The layers between the map and the proposals, and between the map and the second stage.
struct region_options {
  int atrous_rate = 1;
  int kernel_size = 3;
  int depth = 512;
  hyperparams conv{.weights = initializer::truncated_normal(0.01f), .penalty = {}, .has_batch_norm = false};
  int initial_crop_size = 14;
  int maxpool_kernel_size = 2;
  int maxpool_stride = 2;

  /// Reads what belongs here of a `model.faster_rcnn` message.
  static region_options from(const settings& message) {
    region_options o;
    o.atrous_rate = message.get<int>("first_stage_atrous_rate");
    o.kernel_size = message.get<int>("first_stage_box_predictor_kernel_size");
    o.depth = message.get<int>("first_stage_box_predictor_depth");
    o.conv = hyperparams::from(message.at("first_stage_box_predictor_conv_hyperparams"));
    o.initial_crop_size = message.get<int>("initial_crop_size");
    o.maxpool_kernel_size = message.get<int>("maxpool_kernel_size");
    o.maxpool_stride = message.get<int>("maxpool_stride");
    message.at("use_matmul_crop_and_resize").accept();  // how the API arranges the same computation
    return o;
  }

  /// Refuses crops of which a pool leaves nothing.
  void check_crops(const settings& message) const {
    if (initial_crop_size < 1)
      fail(message.at("initial_crop_size").where(), "is ", initial_crop_size,
           "; it has to be 1 or more (the sample configs have 14)");
    if (maxpool_kernel_size > initial_crop_size)
      fail(message.at("maxpool_kernel_size").where(), "is ", maxpool_kernel_size, ", above initial_crop_size ",
           initial_crop_size, "; it has to be equal or smaller");
  }
};

/// The defaults are those of the API's sample configs.
template <class Axes>
struct faster_rcnn_options : training_options<typename Axes::optimizer> {
  int num_classes = 90;
  int number_of_stages = 2;  ///< 1: proposals only; 3: masks too
  image_resizer resizer = image_resizer::keep_aspect_ratio(600, 1024);
  choice_of<typename Axes::feature_extractor> feature_extractor;
  choice_of<typename Axes::box_predictor> box_predictor;
  choice_of<typename Axes::anchor_generator> anchor_generator;
  choice_of<typename Axes::box_coder> box_coder;
  choice_of<typename Axes::similarity> similarity;
  choice_of<typename Axes::classification_loss> classification_loss;
  choice_of<typename Axes::localization_loss> localization_loss;
  typename Axes::matcher proposal_matcher{
      {.matched_threshold = 0.7f, .unmatched_threshold = 0.3f, .force_match_for_each_row = true}};
  typename Axes::matcher detection_matcher{};
  typename Axes::objectness_loss objectness_loss{};
  typename Axes::mask_loss mask_loss{};
  region_options regions;
  faster_rcnn_loss_options loss;
  post_processing_options post_processing{.converter = score_converter::softmax};

  /// The table of axes; see detectors/axes.hpp. What a config cannot choose has no path.
  static void axes(auto& o, auto&& axis) {
    axis(axis_place{"feature extractor", "model.faster_rcnn.feature_extractor", true}, o.feature_extractor);
    axis(axis_place{"anchor generator", "model.faster_rcnn.first_stage_anchor_generator"}, o.anchor_generator);
    axis(axis_place{"box predictor", "model.faster_rcnn.second_stage_box_predictor"}, o.box_predictor);
    axis(axis_place{"classification loss", "model.faster_rcnn.second_stage_classification_loss"},
         o.classification_loss);
    axis(faster_rcnn_options::optimizer_place, o.optimizer);
  }

  bool has_second_stage() const { return number_of_stages > 1; }
  bool has_masks() const {
    return number_of_stages > 2 && std::visit([](const auto& p) { return p.predicts_masks(); }, box_predictor);
  }

  /// Predictions of its masks, still without data: height, width and number of those of a box; zeros where it has none.
  mask_predictions masks() const {
    mask_predictions p;
    std::visit(
        [&](const auto& predictor) {
          if constexpr (requires { predictor.mask_classes(0); }) {
            p.height = predictor.opts.mask_height, p.width = predictor.opts.mask_width;
            p.classes = predictor.mask_classes(num_classes);
          }
        },
        box_predictor);
    return has_masks() ? p : mask_predictions{};
  }

  /// The network of the first policies with their default options; defined in faster_rcnn/network.hpp.
  static constexpr network default_network(int num_classes);

  /// Reads `model.faster_rcnn` and what `train_config` says of the update. Marks what it reads, so that the caller can
  /// refuse the rest.
  static faster_rcnn_options from(const settings& root) {
    faster_rcnn_options o;
    root.read = true;
    const settings& model = root.at("model");
    if (const settings* chosen = model.chosen(); !chosen || chosen->name != "faster_rcnn")
      fail(model.where(), "this is not a faster_rcnn model");
    o.read_model(model.at("faster_rcnn"));
    read_axes(root, o);
    o.pad_before_preprocessing();
    o.read_training(root);
    o.check(model.at("faster_rcnn"));
    return o;
  }

 private:
  /// As in the API, which preprocesses padded images here, and pads preprocessed ones for an SSD.
  void pad_before_preprocessing() {
    const pixel_transform pixels = std::visit([](const auto& e) { return e.pixels; }, feature_extractor);
    for (int c = 0; c < 3; ++c) {
      float& value = resizer.pad_value[static_cast<std::size_t>(c)];
      value = pixels(value, c);
    }
  }

  void read_model(const settings& message) {
    message.read = true;
    num_classes = message.get<int>("num_classes");
    if (num_classes < 1)
      fail(message.at("num_classes").where(), "is ", num_classes, "; a detector needs at least 1 class");
    number_of_stages = message.get<int>("number_of_stages");
    if (number_of_stages < 1 || number_of_stages > 3)
      fail(message.at("number_of_stages").where(), "is ", number_of_stages,
           "; it has to be 1 (proposals), 2 (boxes) or 3 (masks too)");
    if (message.has("image_resizer")) resizer = image_resizer_from(message.at("image_resizer"));
    regions = region_options::from(message);
    loss = faster_rcnn_loss_options::from(message);
    if (message.has("second_stage_post_processing"))
      post_processing = post_processing_options::from(message.at("second_stage_post_processing"), num_classes + 1);
    for (const char* flag : {"inplace_batchnorm_update", "use_matmul_gather_in_matcher", "resize_masks"})
      message.at(flag).accept();
  }

  void check(const settings& message) const {
    if (number_of_stages == 3 && !has_masks())
      fail(message.at("number_of_stages").where(), "is 3, but second_stage_box_predictor predicts no masks; set ",
           "predict_instance_masks: true, or 2 stages");
    if (has_second_stage() && std::visit([](const auto& p) { return p.crops_first; }, box_predictor))
      regions.check_crops(message);
  }
};

}  // namespace odt
