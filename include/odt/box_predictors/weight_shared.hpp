// SPDX-License-Identifier: MIT
// One predictor for all feature maps (Lin et al., arXiv:1708.02002; the API's WeightSharedConvolutionalBoxPredictor):
// towers of convolutions, then a head for box encodings and one for class logits. From map to map only the batch norms
// differ.
#pragma once

#include <odt/box_predictor.hpp>
#include <odt/core/error.hpp>
#include <odt/nn/shared_convolution.hpp>

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace odt {

/// `box_encodings_clip_range`: both ends, or neither.
struct clip_range {
  std::optional<float> min{}, max{};

  static constexpr void fields(auto& o, auto&& field) {
    field("min", o.min);
    field("max", o.max);
  }
  static clip_range from(const settings& message) { return read_options<clip_range>(message); }
};

/// `score_converter`: whether the network itself ends in sigmoids.
struct score_conversion {
  bool sigmoid = false;

  static score_conversion from(const settings& field) { return {field.as<std::string>() == "SIGMOID"}; }
};

struct weight_shared_convolutional_box_predictor {
  static constexpr std::string_view name = "weight_shared_convolutional_box_predictor";

  struct options {
    int depth = 256;
    int num_layers_before_predictor = 4;
    int kernel_size = 3;
    int box_code_size = 4;
    float class_prediction_bias_init = -4.6f;
    bool use_dropout = false;
    float dropout_keep_probability = 0.8f;
    bool share_prediction_tower = false;
    bool use_depthwise = false;
    score_conversion score_converter{};
    clip_range box_encodings_clip_range{};
    hyperparams conv_hyperparams{};

    static constexpr void fields(auto& o, auto&& field) {
      field("depth", o.depth);
      field("num_layers_before_predictor", o.num_layers_before_predictor);
      field("kernel_size", o.kernel_size);
      field("box_code_size", o.box_code_size);
      field("class_prediction_bias_init", o.class_prediction_bias_init);
      field("use_dropout", o.use_dropout);
      field("dropout_keep_probability", o.dropout_keep_probability);
      field("share_prediction_tower", o.share_prediction_tower);
      field("use_depthwise", o.use_depthwise);
      field("score_converter", o.score_converter);
      field("box_encodings_clip_range", o.box_encodings_clip_range);
      field("conv_hyperparams", o.conv_hyperparams);
    }
  };

  options opts{};

  constexpr void build(network& net, const feature_maps& maps, std::span<const int> boxes_per_cell,
                       int class_slots) const {
    check(net, maps, boxes_per_cell);
    add_predictions(net, opts.box_code_size, class_slots);
    const int boxes = boxes_per_cell[0];
    head box{"BoxPredictor", boxes * opts.box_code_size, 0};
    head classes{"ClassPredictor", boxes * class_slots, opts.class_prediction_bias_init};
    tower first{opts.share_prediction_tower ? "PredictionTower" : "BoxPredictionTower"}, second{"ClassPredictionTower"};
    for (std::size_t i = 0; i < maps.size(); ++i) {
      level at{net, opts, static_cast<int>(i)};
      const int features = at.climb(first, maps[i]);
      const int encodings = at.clip(at.predict(box, features));
      const int class_features = opts.share_prediction_tower ? features : at.climb(second, maps[i]);
      add_prediction(net, encodings, at.predict(classes, at.drop(class_features)));
    }
  }

 private:
  static constexpr const char* scope = "WeightSharedConvolutionalBoxPredictor";

  /// Convolutions that all maps share; they are there from the first map on.
  struct tower {
    graph_name name{};
    std::vector<shared_convolution> convolutions{};
  };

  struct head {
    graph_name name{};
    int channels = 0;
    float bias = 0;
    std::optional<shared_convolution> convolution{};
  };

  /// What the predictor adds for one map.
  struct level {
    network& net;
    const options& o;
    int number;
    graph_name op = repeated(scope, number);  ///< scope of the operations
    int activations = 0;

    constexpr convolution_shape shape(int channels, std::optional<float> bias) const {
      return {.channels = channels, .kernel = o.kernel_size, .separable = o.use_depthwise, .bias = bias};
    }

    constexpr int climb(tower& t, int x) {
      std::optional<float> bias;
      if (!o.conv_hyperparams.has_batch_norm) bias = 0.0f;
      for (int i = 0; i < o.num_layers_before_predictor; ++i) {
        const graph_name part = "/" + t.name + "/conv2d_" + decimal(i);
        if (number == 0)
          t.convolutions.push_back(
              add_shared_convolution(net, scope + part, net.channels(x), shape(o.depth, bias), o.conv_hyperparams));
        x = apply(net, x, op + part, t.convolutions[static_cast<std::size_t>(i)]);
        if (!bias) x = normalize(x, part + "/BatchNorm/feature_" + decimal(number));
        // As in the API, whatever conv_hyperparams.activation says.
        x = net.activate(x, activation::relu_6, op + repeated("/Relu6", activations++));
      }
      return x;
    }

    constexpr int normalize(int x, const graph_name& part) {
      const batch_norm_options& norm = o.conv_hyperparams.norm;
      return net.add({.kind = layer_kind::batch_norm,
                      .name = op + part + "/FusedBatchNormV3",
                      .inputs = {x},
                      .channels = net.channels(x),
                      .variables = batch_norm_variables(net, scope + part, net.channels(x), norm),
                      .norm = norm});
    }

    constexpr int predict(head& h, int x) {
      if (!h.convolution)
        h.convolution = add_shared_convolution(net, scope + ("/" + h.name), net.channels(x), shape(h.channels, h.bias),
                                               o.conv_hyperparams);
      return apply(net, x, op + "/" + h.name, *h.convolution);
    }

    constexpr int drop(int x) {
      if (!o.use_dropout) return x;
      return net.add({.kind = layer_kind::dropout,
                      .name = op + "/Dropout/dropout",
                      .inputs = {x},
                      .channels = net.channels(x),
                      .dropout = {.keep_probability = o.dropout_keep_probability}});
    }

    constexpr int clip(int x) {
      const clip_range& range = o.box_encodings_clip_range;
      return range.min && range.max ? net.clip(x, *range.min, *range.max, op + "/clip_by_value") : x;
    }
  };

  constexpr void check(const network& net, const feature_maps& maps, std::span<const int> boxes_per_cell) const {
    if (opts.conv_hyperparams.has_group_norm)
      fail(name, ".conv_hyperparams.group_norm is not available: its towers have a batch norm for each feature map; ",
           "give batch_norm, or neither");
    if (opts.score_converter.sigmoid)
      fail(name, ".score_converter: SIGMOID is not available; leave it out and set post_processing.score_converter to ",
           "SIGMOID");
    if (opts.box_encodings_clip_range.min.has_value() != opts.box_encodings_clip_range.max.has_value())
      fail(name, ".box_encodings_clip_range has one end; give min and max, or neither");
    if (opts.depth < 1 && opts.num_layers_before_predictor > 0)
      fail(name, ".depth is ", opts.depth, ", but num_layers_before_predictor is ", opts.num_layers_before_predictor,
           "; the layers need a depth");
    for (std::size_t i = 1; i < maps.size(); ++i) {
      if (boxes_per_cell[i] != boxes_per_cell[0])
        fail(name, ": the anchor generator lays ", boxes_per_cell[0], " boxes over a cell of feature map 0, but ",
             boxes_per_cell[i], " over one of map ", i, "; they have to be equal");
      if (net.channels(maps[i]) != net.channels(maps[0]))
        fail(name, ": feature map 0 has ", net.channels(maps[0]), " channels, but map ", i, " has ",
             net.channels(maps[i]), "; they have to be equal, as those of a pyramid are");
    }
  }
};

static_assert(box_predictor<weight_shared_convolutional_box_predictor>);

}  // namespace odt
