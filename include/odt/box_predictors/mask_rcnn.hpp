// SPDX-License-Identifier: MIT
// Two fully connected heads on the mean of a crop's features, and a small convolutional network for masks (He et al.,
// arXiv:1703.06870; the API's MaskRCNNBoxPredictor).
#pragma once

#include <odt/core/error.hpp>
#include <odt/nn/shapes.hpp>
#include <odt/second_stage_box_predictor.hpp>

#include <cmath>
#include <cstddef>
#include <string_view>

namespace odt {

struct mask_rcnn_box_predictor {
  static constexpr std::string_view name = "mask_rcnn_box_predictor";
  static constexpr bool crops_first = true;

  struct options {
    fc_hyperparams fc;
    bool use_dropout = false;
    float dropout_keep_probability = 0.5f;
    int box_code_size = 4;
    optional_hyperparams conv;
    bool predict_instance_masks = false;
    int mask_prediction_conv_depth = 256;  ///< 0: between the depth of the features and the number of classes
    bool predict_keypoints = false;
    int mask_height = 15;
    int mask_width = 15;
    int mask_prediction_num_conv_layers = 2;  ///< one more with convolve_then_upsample_masks, as in the API
    bool masks_are_class_agnostic = false;
    bool share_box_across_classes = false;
    bool convolve_then_upsample_masks = false;  ///< by repeating pixels, instead of resizing before the convolutions

    static constexpr void fields(auto& o, auto&& field) {
      field("fc_hyperparams", o.fc);
      field("use_dropout", o.use_dropout);
      field("dropout_keep_probability", o.dropout_keep_probability);
      field("box_code_size", o.box_code_size);
      field("conv_hyperparams", o.conv);
      field("predict_instance_masks", o.predict_instance_masks);
      field("mask_prediction_conv_depth", o.mask_prediction_conv_depth);
      field("predict_keypoints", o.predict_keypoints);
      field("mask_height", o.mask_height);
      field("mask_width", o.mask_width);
      field("mask_prediction_num_conv_layers", o.mask_prediction_num_conv_layers);
      field("masks_are_class_agnostic", o.masks_are_class_agnostic);
      field("share_box_across_classes", o.share_box_across_classes);
      field("convolve_then_upsample_masks", o.convolve_then_upsample_masks);
    }
  };

  options opts{};

  static constexpr void check(const options& o) {
    if (o.predict_keypoints) fail("predict_keypoints: true is not available; leave it out");
    if (o.predict_instance_masks && !o.conv.given) fail("predict_instance_masks: true needs conv_hyperparams");
    if (o.predict_instance_masks && (o.mask_prediction_num_conv_layers < 2 || o.mask_height < 1 || o.mask_width < 1))
      fail("masks of ", o.mask_height, "x", o.mask_width, " by ", o.mask_prediction_num_conv_layers,
           " layers; at least 1x1 and 2 layers are needed");
  }

  constexpr bool shares_boxes() const { return opts.share_box_across_classes; }
  constexpr bool predicts_masks() const { return opts.predict_instance_masks; }
  /// Masks of a box.
  constexpr int mask_classes(int classes) const { return opts.masks_are_class_agnostic ? 1 : classes; }

  constexpr second_stage_heads build(network& net, const second_stage_features& from, int classes) const {
    const graph_name scope = "SecondStageBoxPredictor";
    const int mean = net.global_pool(from.map, scope + "/AvgPool");
    const int boxes = (shares_boxes() ? 1 : classes) * opts.box_code_size;
    const int encodings = predict(net, mean, scope + "/BoxEncodingPredictor", scope + "/Flatten", boxes);
    return {encodings, predict(net, mean, scope + "/ClassPredictor", scope + "/Flatten_1", classes + 1)};
  }

  /// Adds the mask head behind the features of crops.
  constexpr int build_masks(network& net, int features, int classes) const {
    const graph_name variables = "SecondStageBoxPredictor", operations = "SecondStageBoxPredictor_1";
    const int depth = mask_depth(net.channels(features), classes);
    int x = features, count = 0;
    const auto convolve_next = [&](int channels, const hyperparams& h) {
      const graph_name layer = repeated("/Conv", count++);
      x = convolve(net, x,
                   {.scope = variables + layer, .operation = operations + layer, .channels = channels, .kernel = 3}, h);
    };
    if (!opts.convolve_then_upsample_masks)
      x = net.resize(x, {opts.mask_height, opts.mask_width}, operations + "/ResizeBilinear");
    while (count < opts.mask_prediction_num_conv_layers - 1) convolve_next(depth, opts.conv);
    if (opts.convolve_then_upsample_masks) {
      x = net.upsample(x, upsampling_of(net, features), operations + "/nearest_neighbor_upsampling/Reshape");
      convolve_next(depth, opts.conv);
    }
    hyperparams last = opts.conv;
    last.act = activation::none;
    last.has_batch_norm = last.has_group_norm = false;
    convolve_next(mask_classes(classes), last);
    return x;
  }

 private:
  /// A fully connected head: linear, with biases.
  constexpr int predict(network& net, int x, const graph_name& scope, const graph_name& flat, int channels) const {
    if (opts.use_dropout)
      x = net.add({.kind = layer_kind::dropout,
                   .name = flat + "/dropout",
                   .inputs = {x},
                   .channels = net.channels(x),
                   .dropout = {.keep_probability = opts.dropout_keep_probability}});
    layer_variables v;
    v.weights = net.add_variable(scope + "/weights", {net.channels(x), channels}, opts.fc.weights, opts.fc.penalty);
    v.biases = add_biases(net, scope, channels);
    return net.add({.kind = layer_kind::convolution,
                    .name = scope + "/BiasAdd",
                    .inputs = {x},
                    .channels = channels,
                    .variables = v});
  }

  /// How often a mask is as large as the features of a crop, whose size is the same for all images.
  constexpr int upsampling_of(const network& net, int features) const {
    const shape3 crop = shapes(net, {1024, 1024})[static_cast<std::size_t>(features)];
    const int factor = opts.mask_height / crop.height;
    if (factor < 1 || opts.mask_height != factor * crop.height || opts.mask_width != factor * crop.width)
      fail("convolve_then_upsample_masks: masks of ", opts.mask_height, "x", opts.mask_width,
           " are no multiple of the features' ", crop.height, "x", crop.width, "; write mask_height: ", 2 * crop.height,
           " and mask_width: ", 2 * crop.width, ", or leave it out");
    return factor;
  }

  /// A power of two near the mean of the logarithms, classes counting three times to the features' two.
  constexpr int mask_depth(int features, int classes) const {
    if (opts.mask_prediction_conv_depth > 0) return opts.mask_prediction_conv_depth;
    const double power =
        (3 * std::log2(static_cast<double>(classes)) + 2 * std::log2(static_cast<double>(features))) / 5;
    return 1 << static_cast<int>(std::lround(power));
  }
};

static_assert(second_stage_box_predictor<mask_rcnn_box_predictor>);

}  // namespace odt
