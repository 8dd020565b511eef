// SPDX-License-Identifier: MIT
// MobileNet v1 (Howard et al., arXiv:1704.04861): a 3x3 convolution, then 13 pairs of depthwise 3x3 and pointwise 1x1.
// SSD predicts from pairs 11 and 13 and from four extra layers. Names are those of the API's ssd_mobilenet_v1.
#pragma once

#include <odt/feature_extractor.hpp>
#include <odt/nn/multi_resolution.hpp>

#include <string_view>

namespace odt {

struct mobilenet_v1 {
  static constexpr std::string_view name = "ssd_mobilenet_v1";
  static constexpr std::string_view variable_scope = "MobilenetV1";
  static constexpr pixel_transform pixels = pixel_transform::minus_one_to_one();

  using options = ssd_extractor_options;

  options opts{};

  /// Without override_base_feature_extractor_hyperparams the base keeps the original's: initial deviation 0.09, decay
  /// 0.9997.
  constexpr hyperparams base_hyperparams() const {
    if (opts.override_base_feature_extractor_hyperparams) return opts.conv_hyperparams;
    return {.weights = initializer::truncated_normal(0.09f),
            .penalty = regularizer::l2(0.00004f),
            .act = activation::relu_6,
            .has_batch_norm = true,
            .norm = {.decay = 0.9997f, .center = true, .scale = true, .epsilon = 0.001f, .freezable = true}};
  }

  constexpr feature_maps build(network& net, int input) const {
    const options& o = opts;
    const hyperparams base = base_hyperparams();
    const padding border = o.use_explicit_padding ? padding::fixed : padding::same;
    const auto depth = [&o](int d) { return scaled_depth(d, o.depth_multiplier, o.min_depth); };
    const auto spec = [](const graph_name& conv, int channels, int kernel, int stride, padding b) {
      return convolution_spec{"FeatureExtractor/MobilenetV1/" + conv,
                              "FeatureExtractor/MobilenetV1/MobilenetV1/" + conv,
                              channels,
                              kernel,
                              stride,
                              b};
    };

    struct pair {
      int channels, stride;
    };
    constexpr pair pairs[] = {{64, 1},  {128, 2}, {128, 1}, {256, 2}, {256, 1},  {512, 2}, {512, 1},
                              {512, 1}, {512, 1}, {512, 1}, {512, 1}, {1024, 2}, {1024, 1}};
    feature_maps maps;
    int x = net.pad_to_multiple(input, o.pad_to_multiple);
    x = convolve(net, x, spec("Conv2d_0", depth(32), 3, 2, border), base);
    int number = 0;
    for (const auto& [channels, stride] : pairs) {
      const graph_name layer = "Conv2d_" + decimal(++number);
      x = convolve_depthwise(net, x, spec(layer + "_depthwise", 0, 3, stride, border), base);
      x = convolve(net, x, spec(layer + "_pointwise", depth(channels), 1, 1, padding::same), base);
      if (number == 11 || number == 13) maps.push_back(x);
    }

    const extra_layers_spec extra{.scope = "FeatureExtractor/MobilenetV1",
                                  .base_layer = "Conv2d_13_pointwise",
                                  .depth_multiplier = o.depth_multiplier,
                                  .min_depth = o.min_depth,
                                  .use_explicit_padding = o.use_explicit_padding,
                                  .use_depthwise = o.use_depthwise};
    constexpr int depths[] = {512, 256, 256, 128};
    for (int i = 2; i < o.num_layers && i < 6; ++i) {
      x = add_extra_layer(net, x, i, depths[i - 2], extra, o.conv_hyperparams);
      maps.push_back(x);
    }
    return maps;
  }
};

static_assert(feature_extractor<mobilenet_v1>);

}  // namespace odt
