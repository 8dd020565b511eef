// SPDX-License-Identifier: MIT
// Contract: a feature extractor describes the layers from the preprocessed image to the feature maps that boxes are
// predicted from, and how pixels are preprocessed. It holds no weights, runs nothing, and does not predict boxes.
#pragma once

#include <odt/backbone.hpp>
#include <odt/core/pixel_transform.hpp>
#include <odt/core/policy.hpp>
#include <odt/neck.hpp>
#include <odt/nn/hyperparams.hpp>

#include <concepts>
#include <string_view>

namespace odt {

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
  hyperparams conv_hyperparams{};

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

/// `feature_extractor.fpn`.
struct fpn_options {
  int min_level = 3;  ///< level l has a stride of 2^l
  int max_level = 7;
  int additional_layer_depth = 256;

  static constexpr void fields(auto& o, auto&& field) {
    field("min_level", o.min_level);
    field("max_level", o.max_level);
    field("additional_layer_depth", o.additional_layer_depth);
  }

  static fpn_options from(const settings& message) { return read_options<fpn_options>(message); }
};

/// The options that every SSD feature extractor with a pyramid reads from `feature_extractor`.
struct fpn_extractor_options {
  float depth_multiplier = 1;
  int min_depth = 16;
  int pad_to_multiple = 1;
  bool use_explicit_padding = false;
  bool use_depthwise = false;
  bool override_base_feature_extractor_hyperparams = true;
  fpn_options fpn{};
  hyperparams conv_hyperparams{};

  static constexpr void fields(auto& o, auto&& field) {
    field("depth_multiplier", o.depth_multiplier);
    field("min_depth", o.min_depth);
    field("pad_to_multiple", o.pad_to_multiple);
    field("use_explicit_padding", o.use_explicit_padding);
    field("use_depthwise", o.use_depthwise);
    field("override_base_feature_extractor_hyperparams", o.override_base_feature_extractor_hyperparams);
    field("fpn", o.fpn);
    field("conv_hyperparams", o.conv_hyperparams);
  }
};

/// What an extractor with these options tells its backbone; the scopes are below "FeatureExtractor/".
constexpr backbone_spec backbone_of(const auto& o, const graph_name& variables, const graph_name& operations) {
  backbone_spec spec{.variables = "FeatureExtractor/" + variables,
                     .operations = "FeatureExtractor/" + operations,
                     .depth_multiplier = o.depth_multiplier,
                     .min_depth = o.min_depth,
                     .use_explicit_padding = o.use_explicit_padding};
  if (o.override_base_feature_extractor_hyperparams) spec.override_with = o.conv_hyperparams;
  return spec;
}

/// Refuses explicit padding. (The API has none for ResNets; in its pyramids it would shift every sum but the coarsest.)
constexpr void refuse_explicit_padding(std::string_view name, const auto& o) {
  if (o.use_explicit_padding)
    fail("feature_extractor.use_explicit_padding: true is not available for ", name, "; leave it out");
}

/// Refuses separable convolutions, for extractors without convolutions of their own.
constexpr void refuse_depthwise(std::string_view name, const auto& o) {
  if (o.use_depthwise) fail("feature_extractor.use_depthwise: true has no effect on ", name, "; leave it out");
}

}  // namespace odt
