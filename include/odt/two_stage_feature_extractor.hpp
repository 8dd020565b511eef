// SPDX-License-Identifier: MIT
// Contract: the two halves of a classifier under a two-stage detector. The first makes the map that boxes are proposed
// from and cropped out of; the second works on each crop (R-FCN: on the whole map) and makes what boxes are classified
// by. It holds no weights, runs nothing, and knows neither proposals nor boxes.
#pragma once

#include <odt/backbone.hpp>
#include <odt/core/pixel_transform.hpp>
#include <odt/core/policy.hpp>
#include <odt/nn/network.hpp>

#include <concepts>
#include <string_view>

namespace odt {

/// Required of T: a policy whose name is its feature_extractor.type in pipeline.config ("faster_rcnn_resnet50"),
/// `variable_scope` (the name that classification checkpoints give its variables' scope), `pixels` (how an RGB value of
/// 0..255 enters the network), and two builders, which add layers behind one and return the last: below
/// "FirstStageFeatureExtractor/", and below "SecondStageFeatureExtractor/".
template <class T>
concept two_stage_feature_extractor = policy<T> && requires(const T& extractor, network& net, int input) {
  { T::variable_scope } -> std::convertible_to<std::string_view>;
  { T::pixels } -> std::convertible_to<pixel_transform>;
  { extractor.build_proposal_features(net, input) } -> std::same_as<int>;
  { extractor.build_classifier_features(net, input) } -> std::same_as<int>;
};

/// The options that every one of them reads from `feature_extractor`.
struct two_stage_extractor_options {
  int first_stage_features_stride = 16;
  bool batch_norm_trainable = false;

  static constexpr void fields(auto& o, auto&& field) {
    field("first_stage_features_stride", o.first_stage_features_stride);
    field("batch_norm_trainable", o.batch_norm_trainable);
  }
};

inline constexpr std::string_view first_stage_scope = "FirstStageFeatureExtractor";
inline constexpr std::string_view second_stage_scope = "SecondStageFeatureExtractor";

}  // namespace odt
