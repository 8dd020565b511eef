// SPDX-License-Identifier: MIT
// The API's ssd_mobilenet_v1: SSD predicts from pairs 11 and 13 of MobileNet v1 and from four extra layers.
#pragma once

#include <odt/backbones/mobilenet_v1.hpp>
#include <odt/feature_extractor.hpp>
#include <odt/necks/multi_resolution.hpp>

#include <string_view>

namespace odt {

struct mobilenet_v1 {
  static constexpr std::string_view name = "ssd_mobilenet_v1";
  static constexpr std::string_view variable_scope = "MobilenetV1";
  static constexpr pixel_transform pixels = pixel_transform::minus_one_to_one();

  using options = ssd_extractor_options;

  options opts{};

  constexpr feature_maps build(network& net, int input) const {
    const int images = net.pad_to_multiple(input, opts.pad_to_multiple);
    const endpoints base =
        backbones::mobilenet_v1(net, images, backbone_of(opts, "MobilenetV1", "MobilenetV1/MobilenetV1"));
    return necks::multi_resolution(net, {base.at("Conv2d_11_pointwise"), base.at("Conv2d_13_pointwise")},
                                   necks::extra_layers_of(opts, "FeatureExtractor/MobilenetV1", "Conv2d_13_pointwise"),
                                   opts.conv_hyperparams);
  }
};

static_assert(feature_extractor<mobilenet_v1>);

}  // namespace odt
