// SPDX-License-Identifier: MIT
// The API's ssd_mobilenet_v1_fpn: a feature pyramid on MobileNet v1. With separable convolutions (FPNLite) the
// backbone's top is narrower.
#pragma once

#include <odt/backbones/mobilenet_v1.hpp>
#include <odt/feature_extractor.hpp>
#include <odt/necks/fpn.hpp>

#include <string_view>

namespace odt {

struct mobilenet_v1_fpn {
  static constexpr std::string_view name = "ssd_mobilenet_v1_fpn";
  static constexpr std::string_view variable_scope = "MobilenetV1";
  static constexpr pixel_transform pixels = pixel_transform::minus_one_to_one();

  using options = fpn_extractor_options;

  options opts{};

  constexpr feature_maps build(network& net, int input) const {
    refuse_explicit_padding(name, opts);
    const int images = net.pad_to_multiple(input, opts.pad_to_multiple);
    const endpoints base = backbones::mobilenet_v1(
        net, images, backbone_of(opts, "MobilenetV1", "MobilenetV1/MobilenetV1"), opts.use_depthwise);
    const necks::base_levels levels{base.at("Conv2d_3_pointwise"), base.at("Conv2d_5_pointwise"),
                                    base.at("Conv2d_11_pointwise"), base.at("Conv2d_13_pointwise")};
    return necks::fpn(net, levels, necks::pyramid_of(opts, "FeatureExtractor/MobilenetV1/fpn", "bottom_up_Conv2d_", 14),
                      opts.conv_hyperparams);
  }
};

static_assert(feature_extractor<mobilenet_v1_fpn>);

}  // namespace odt
