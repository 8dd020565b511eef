// SPDX-License-Identifier: MIT
// Contract: a feature extractor describes the layers from the preprocessed image to the feature maps that boxes are
// predicted from, and how pixels are preprocessed. It holds no weights, runs nothing, and does not predict boxes.
#pragma once

#include <odt/core/pixel_transform.hpp>
#include <odt/core/policy.hpp>
#include <odt/core/static_vector.hpp>
#include <odt/nn/network.hpp>

#include <concepts>
#include <string_view>

namespace odt {

/// Numbers of the layers that hold the feature maps, finest first.
using feature_maps = static_vector<int, 8>;

/// Required of T: a policy whose name is its feature_extractor.type in pipeline.config, `variable_scope`
/// (the name that classification checkpoints give its variables' scope), `pixels` (how an RGB value of 0..255 enters
/// the network), and `build`, which adds layers behind `input` and returns the feature maps.
template <class T>
concept feature_extractor = policy<T> && requires(const T& extractor, network& net, int input) {
  { T::variable_scope } -> std::convertible_to<std::string_view>;
  { T::pixels } -> std::convertible_to<pixel_transform>;
  { extractor.build(net, input) } -> std::same_as<feature_maps>;
};

/// The options that every SSD feature extractor reads from `feature_extractor`.
struct ssd_extractor_options {
  float depth_multiplier = 1;
  int min_depth = 16;
  int pad_to_multiple = 1;
  bool use_explicit_padding = false;
  bool use_depthwise = false;
  bool override_base_feature_extractor_hyperparams = true;
  int num_layers = 6;
  hyperparams conv_hyperparams;

  static constexpr void fields(auto& o, auto&& field) {
    field("depth_multiplier", o.depth_multiplier);
    field("min_depth", o.min_depth);
    field("pad_to_multiple", o.pad_to_multiple);
    field("use_explicit_padding", o.use_explicit_padding);
    field("use_depthwise", o.use_depthwise);
    field("override_base_feature_extractor_hyperparams", o.override_base_feature_extractor_hyperparams);
    field("num_layers", o.num_layers);
    field("conv_hyperparams", o.conv_hyperparams);
  }
};

}  // namespace odt
