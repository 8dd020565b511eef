// SPDX-License-Identifier: MIT
// The API's faster_rcnn_inception_v2: boxes are proposed from Mixed_4e of Inception v2 and classified by what follows
// it, up to Mixed_5c.
#pragma once

#include <odt/backbones/inception_v2.hpp>
#include <odt/two_stage_feature_extractor.hpp>

#include <string_view>

namespace odt {

struct faster_rcnn_inception_v2 {
  static constexpr std::string_view name = "faster_rcnn_inception_v2";
  static constexpr std::string_view variable_scope = "InceptionV2";
  static constexpr pixel_transform pixels = pixel_transform::minus_one_to_one();

  using options = two_stage_extractor_options;

  options opts{};

  static constexpr void check(const options& o) { check_features_stride(name, o, {16}); }

  constexpr int build_proposal_features(network& net, int input) const {
    check(opts);
    return backbones::inception_v2_to_mixed_4e(net, input, first_stage_of(opts, variable_scope, own_hyperparams()))
        .at("Mixed_4e");
  }

  constexpr int build_classifier_features(network& net, int crops) const {
    return backbones::inception_v2_to_mixed_5c(net, crops, second_stage_of(opts, variable_scope, own_hyperparams()));
  }

 private:
  static constexpr hyperparams own_hyperparams() {
    return {.weights = initializer::variance_scaling(1, fan_mode::fan_avg, true),
            .act = activation::relu,
            .norm = {.decay = 0.9997f, .center = true, .scale = true, .epsilon = 0.001f}};
  }
};

static_assert(two_stage_feature_extractor<faster_rcnn_inception_v2>);

}  // namespace odt
