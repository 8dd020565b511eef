// SPDX-License-Identifier: MIT
// The API's ssd_mobilenet_v2_fpn: a feature pyramid on MobileNet v2. With separable convolutions (FPNLite) the
// backbone's top is narrower.
#pragma once

#include <odt/backbones/mobilenet_v2.hpp>
#include <odt/feature_extractor.hpp>
#include <odt/necks/fpn.hpp>

#include <string_view>

namespace odt {

struct mobilenet_v2_fpn {
  static constexpr std::string_view name = "ssd_mobilenet_v2_fpn";
  static constexpr std::string_view variable_scope = "MobilenetV2";
  static constexpr pixel_transform pixels = pixel_transform::minus_one_to_one();

  using options = fpn_extractor_options;

  options opts{};

  constexpr feature_maps build(network& net, int input) const {
    refuse_explicit_padding(name, opts);
    const int images = net.pad_to_multiple(input, opts.pad_to_multiple);
    const endpoints base = backbones::mobilenet_v2(net, images, backbone_of(opts, "MobilenetV2", "MobilenetV2"),
                                                   opts.use_depthwise ? 256 : 1280);
    const necks::base_levels levels{base.at("layer_4"), base.at("layer_7"), base.at("layer_14"), base.at("layer_19")};
    return necks::fpn(net, levels, necks::pyramid_of(opts, "FeatureExtractor/MobilenetV2/fpn", "bottom_up_Conv2d_", 20),
                      opts.conv_hyperparams);
  }
};

static_assert(feature_extractor<mobilenet_v2_fpn>);

}  // namespace odt
