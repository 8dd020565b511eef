// SPDX-License-Identifier: MIT
// Contract: the two halves of a classifier under a two-stage detector. The first makes the map that boxes are proposed
// from and cropped out of; the second works on each crop (R-FCN: on the whole map) and makes what boxes are classified
// by. It holds no weights, runs nothing, and knows neither proposals nor boxes.
#pragma once

#include <odt/backbone.hpp>
#include <odt/core/pixel_transform.hpp>
#include <odt/core/policy.hpp>
#include <odt/nn/convolution.hpp>
#include <odt/nn/network.hpp>

#include <concepts>
#include <initializer_list>
#include <string_view>

namespace odt {

/// A beginning of variables' names below the second stage's scope, and in classification checkpoints.
struct renamed_scope {
  std::string_view here, in_classifiers;
};

/// Required of T: a policy whose name is its feature_extractor.type in pipeline.config ("faster_rcnn_resnet50"),
/// `variable_scope` (the name that classification checkpoints give its variables' scope), `pixels` (how an RGB value of
/// 0..255 enters the network), and two builders, which add layers behind one and return the last: below
/// "FirstStageFeatureExtractor/", and below "SecondStageFeatureExtractor/".
/// Optional: `second_stage_in_classifiers`, a list of renamed_scope, where classification checkpoints call parts of the
/// second half otherwise; `suffix_in_classifiers`, which they put behind every name.
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

namespace detail {

/// A backbone has its own hyperparameters, without weight decay, as the API builds it here.
constexpr backbone_spec stage_of(const two_stage_extractor_options& o, const graph_name& variables,
                                 const graph_name& operations, hyperparams own) {
  own.penalty = {};
  own.norm.train = o.batch_norm_trainable;
  own.norm.freezable = false;
  return {.variables = variables, .operations = operations, .override_with = own};
}

}  // namespace detail

/// What an extractor with these options tells its backbone's first half, whose `own` hyperparameters are given.
constexpr backbone_spec first_stage_of(const two_stage_extractor_options& o, const graph_name& scope,
                                       const hyperparams& own) {
  const graph_name variables = graph_name(first_stage_scope) + "/" + scope;
  return detail::stage_of(o, variables, variables + "/" + scope, own);
}

/// The same of its second half.
constexpr backbone_spec second_stage_of(const two_stage_extractor_options& o, const graph_name& scope,
                                        const hyperparams& own) {
  const graph_name variables = graph_name(second_stage_scope) + "/" + scope;
  return detail::stage_of(o, variables, variables, own);
}

/// Refuses a stride that the first half's map does not have.
constexpr void check_features_stride(std::string_view name, const two_stage_extractor_options& o,
                                     std::initializer_list<int> strides) {
  for (const int stride : strides)
    if (o.first_stage_features_stride == stride) return;
  fail("first_stage_features_stride ", o.first_stage_features_stride, "; ", name, " has ",
       strides.size() > 1 ? "8 and 16" : "16 only");
}

}  // namespace odt
