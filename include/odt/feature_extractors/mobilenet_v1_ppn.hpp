// SPDX-License-Identifier: MIT
// The API's ssd_mobilenet_v1_ppn: a pooling pyramid on pair 11 of MobileNet v1. Pairs 12 and 13, which nothing is
// predicted from, are there as well.
#pragma once

#include <odt/backbones/mobilenet_v1.hpp>
#include <odt/feature_extractor.hpp>
#include <odt/necks/ppn.hpp>

#include <string_view>

namespace odt {

struct mobilenet_v1_ppn {
  static constexpr std::string_view name = "ssd_mobilenet_v1_ppn";
  static constexpr std::string_view variable_scope = "MobilenetV1";
  static constexpr pixel_transform pixels = pixel_transform::minus_one_to_one();

  using options = ssd_extractor_options;

  options opts{};

  constexpr feature_maps build(network& net, int input) const {
    refuse_depthwise(name, opts);
    const int images = net.pad_to_multiple(input, opts.pad_to_multiple);
    const endpoints base =
        backbones::mobilenet_v1(net, images, backbone_of(opts, "MobilenetV1", "MobilenetV1/MobilenetV1"));
    return necks::ppn(net, base.at("Conv2d_11_pointwise"), {"FeatureExtractor/MobilenetV1", 0, opts.num_layers},
                      opts.conv_hyperparams);
  }
};

static_assert(feature_extractor<mobilenet_v1_ppn>);

}  // namespace odt
