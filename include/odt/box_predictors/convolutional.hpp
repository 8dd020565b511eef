// SPDX-License-Identifier: MIT
// One small convolutional network a feature map, with two heads: `box_code_size` numbers and a logit a class for every
// box of a cell (the API's ConvolutionalBoxPredictor).
#pragma once

#include <odt/box_predictor.hpp>
#include <odt/core/error.hpp>

#include <algorithm>
#include <span>
#include <string_view>

namespace odt {

struct convolutional_box_predictor {
  static constexpr std::string_view name = "convolutional_box_predictor";

  struct options {
    int min_depth = 0;
    int max_depth = 0;
    int num_layers_before_predictor = 0;
    bool use_dropout = false;
    float dropout_keep_probability = 0.8f;
    int kernel_size = 1;
    int box_code_size = 4;
    bool apply_sigmoid_to_scores = false;
    float class_prediction_bias_init = 0;
    bool use_depthwise = false;
    hyperparams conv_hyperparams;

    static constexpr void fields(auto& o, auto&& field) {
      field("min_depth", o.min_depth);
      field("max_depth", o.max_depth);
      field("num_layers_before_predictor", o.num_layers_before_predictor);
      field("use_dropout", o.use_dropout);
      field("dropout_keep_probability", o.dropout_keep_probability);
      field("kernel_size", o.kernel_size);
      field("box_code_size", o.box_code_size);
      field("apply_sigmoid_to_scores", o.apply_sigmoid_to_scores);
      field("class_prediction_bias_init", o.class_prediction_bias_init);
      field("use_depthwise", o.use_depthwise);
      field("conv_hyperparams", o.conv_hyperparams);
    }
  };

  options opts{};

  constexpr void build(network& net, const feature_maps& maps, std::span<const int> boxes_per_cell,
                       int class_slots) const {
    const options& o = opts;
    if (o.apply_sigmoid_to_scores)
      fail(
          "convolutional_box_predictor.apply_sigmoid_to_scores: true is not available; leave it out and set "
          "post_processing.score_converter to SIGMOID");
    add_predictions(net, o.box_code_size, class_slots);
    for (std::size_t i = 0; i < maps.size(); ++i) {
      const graph_name scope = "BoxPredictor_" + decimal(static_cast<int>(i));
      const int x = shared_layers(o, net, maps[i], scope);
      const int boxes = boxes_per_cell[i];
      const int encodings = predict(o, net, x, scope + "/BoxEncodingPredictor", boxes * o.box_code_size, 0);
      int features = x;
      if (o.use_dropout)
        features = net.add({.kind = layer_kind::dropout,
                            .name = scope + "/Dropout/dropout",
                            .inputs = {x},
                            .channels = net.channels(x),
                            .dropout = {.keep_probability = o.dropout_keep_probability}});
      const int logits =
          predict(o, net, features, scope + "/ClassPredictor", boxes * class_slots, o.class_prediction_bias_init);
      add_prediction(net, encodings, logits);
    }
  }

 private:
  /// The 1x1 layers before both heads, when the config asks for them.
  static constexpr int shared_layers(const options& o, network& net, int x, const graph_name& scope) {
    const int depth = std::max(std::min(net.channels(x), o.max_depth), o.min_depth);
    if (depth == 0) return x;
    for (int i = 0; i < o.num_layers_before_predictor; ++i)
      x = convolve(net, x, {.scope = scope + "/Conv2d_" + decimal(i) + "_1x1_" + decimal(depth), .channels = depth},
                   o.conv_hyperparams);
    return x;
  }

  /// A head: linear, with biases.
  static constexpr int predict(const options& o, network& net, int x, const graph_name& scope, int channels,
                               float bias) {
    int kernel = o.kernel_size;
    if (o.use_depthwise) {
      x = convolve_depthwise(net, x, {.scope = scope + "_depthwise", .kernel = kernel}, o.conv_hyperparams);
      kernel = 1;
    }
    layer_variables v;
    v.weights = net.add_variable(scope + "/weights", {kernel, kernel, net.channels(x), channels},
                                 o.conv_hyperparams.weights, o.conv_hyperparams.penalty);
    v.biases = add_biases(net, scope, channels, bias);
    return net.add({.kind = layer_kind::convolution,
                    .name = scope + "/BiasAdd",
                    .inputs = {x},
                    .channels = channels,
                    .kernel_height = kernel,
                    .kernel_width = kernel,
                    .variables = v});
  }
};

static_assert(box_predictor<convolutional_box_predictor>);

}  // namespace odt
