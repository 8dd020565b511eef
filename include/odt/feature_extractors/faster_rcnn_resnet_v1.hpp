// SPDX-License-Identifier: MIT
// The API's faster_rcnn_resnet50, faster_rcnn_resnet101 and faster_rcnn_resnet152: boxes are proposed from block3 of
// ResNet v1 and classified by a block4 of their own. As in the API, the first stage has all four blocks: its block4 is
// in checkpoints, and nothing reads it.
#pragma once

#include <odt/backbones/resnet_v1.hpp>
#include <odt/two_stage_feature_extractor.hpp>

#include <string_view>

namespace odt {

template <int Layers>
struct faster_rcnn_resnet_v1 {
  static constexpr std::string_view name = Layers == 50    ? "faster_rcnn_resnet50"
                                           : Layers == 101 ? "faster_rcnn_resnet101"
                                                           : "faster_rcnn_resnet152";
  static constexpr std::string_view variable_scope = backbones::resnet_v1_scope(Layers);
  static constexpr pixel_transform pixels = pixel_transform::subtract_mean();

  using options = two_stage_extractor_options;

  options opts{};

  static constexpr void check(const options& o) { check_features_stride(name, o, {8, 16}); }

  constexpr int build_proposal_features(network& net, int input) const {
    check(opts);
    return backbones::resnet_v1(net, input, first_stage_of(opts, variable_scope, own_hyperparams()),
                                backbones::resnet_v1_units(Layers), backbones::subsampling::in_last_unit,
                                opts.first_stage_features_stride)
        .at("block3");
  }

  constexpr int build_classifier_features(network& net, int crops) const {
    return backbones::resnet_v1_block4(net, crops, second_stage_of(opts, variable_scope, own_hyperparams()));
  }

 private:
  static constexpr hyperparams own_hyperparams() { return backbones::resnet_v1_hyperparams({}); }
};

using faster_rcnn_resnet50 = faster_rcnn_resnet_v1<50>;
using faster_rcnn_resnet101 = faster_rcnn_resnet_v1<101>;
using faster_rcnn_resnet152 = faster_rcnn_resnet_v1<152>;

static_assert(two_stage_feature_extractor<faster_rcnn_resnet50>);

}  // namespace odt
