// SPDX-License-Identifier: MIT
// The API's faster_rcnn_inception_resnet_v2: boxes are proposed from PreAuxLogits of Inception-ResNet v2 and classified
// by what follows it.
#pragma once

#include <odt/backbones/inception_resnet_v2.hpp>
#include <odt/two_stage_feature_extractor.hpp>

#include <string_view>

namespace odt {

struct faster_rcnn_inception_resnet_v2 {
  static constexpr std::string_view name = "faster_rcnn_inception_resnet_v2";
  static constexpr std::string_view variable_scope = "InceptionResnetV2";
  static constexpr pixel_transform pixels = pixel_transform::minus_one_to_one();
  /// A whole network has three kinds of repeated blocks; the second half has the last kind alone.
  static constexpr renamed_scope second_stage_in_classifiers[] = {
      {"InceptionResnetV2/Repeat/", "InceptionResnetV2/Repeat_2/"}};

  using options = two_stage_extractor_options;

  options opts{};

  static constexpr void check(const options& o) { check_features_stride(name, o, {8, 16}); }

  constexpr int build_proposal_features(network& net, int input) const {
    check(opts);
    return backbones::inception_resnet_v2_to_pre_aux_logits(
        net, input, first_stage_of(opts, variable_scope, backbones::inception_resnet_v2_hyperparams()),
        opts.first_stage_features_stride);
  }

  constexpr int build_classifier_features(network& net, int crops) const {
    return backbones::inception_resnet_v2_to_conv2d_7b(
        net, crops, second_stage_of(opts, variable_scope, backbones::inception_resnet_v2_hyperparams()));
  }
};

static_assert(two_stage_feature_extractor<faster_rcnn_inception_resnet_v2>);

}  // namespace odt
