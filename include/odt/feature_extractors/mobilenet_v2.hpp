// SPDX-License-Identifier: MIT
// The API's ssd_mobilenet_v2: SSD predicts from the widened input of MobileNet v2's 15th layer, from its last layer,
// and from four extra ones. With separable extra layers and heads it is SSDLite.
#pragma once

#include <odt/backbones/mobilenet_v2.hpp>
#include <odt/feature_extractor.hpp>
#include <odt/necks/multi_resolution.hpp>

#include <string_view>

namespace odt {

struct mobilenet_v2 {
  static constexpr std::string_view name = "ssd_mobilenet_v2";
  static constexpr std::string_view variable_scope = "MobilenetV2";
  static constexpr pixel_transform pixels = pixel_transform::minus_one_to_one();

  using options = ssd_extractor_options;

  options opts{};

  constexpr feature_maps build(network& net, int input) const {
    const int images = net.pad_to_multiple(input, opts.pad_to_multiple);
    const endpoints base = backbones::mobilenet_v2(net, images, backbone_of(opts, "MobilenetV2", "MobilenetV2"));
    return necks::multi_resolution(net, {base.at("layer_15/expansion_output"), base.at("layer_19")},
                                   necks::extra_layers_of(opts, "FeatureExtractor/MobilenetV2", "layer_19"),
                                   opts.conv_hyperparams);
  }
};

static_assert(feature_extractor<mobilenet_v2>);

}  // namespace odt
