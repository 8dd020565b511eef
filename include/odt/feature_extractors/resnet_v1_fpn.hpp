// SPDX-License-Identifier: MIT
// The API's ssd_resnet50_v1_fpn, ssd_resnet101_v1_fpn and ssd_resnet152_v1_fpn: a feature pyramid on ResNet v1
// (RetinaNet: Lin et al., arXiv:1708.02002).
#pragma once

#include <odt/backbones/resnet_v1.hpp>
#include <odt/feature_extractor.hpp>
#include <odt/necks/fpn.hpp>

#include <string_view>

namespace odt {

template <int Layers>
struct resnet_v1_fpn {
  static constexpr std::string_view name = Layers == 50    ? "ssd_resnet50_v1_fpn"
                                           : Layers == 101 ? "ssd_resnet101_v1_fpn"
                                                           : "ssd_resnet152_v1_fpn";
  static constexpr std::string_view variable_scope = backbones::resnet_v1_scope(Layers);
  static constexpr pixel_transform pixels = pixel_transform::subtract_mean();

  using options = fpn_extractor_options;

  options opts{};

  constexpr feature_maps build(network& net, int input) const {
    refuse_explicit_padding(name, opts);
    refuse_depthwise(name, opts);
    const graph_name scope = variable_scope;
    const int images = net.pad_to_multiple(input, opts.pad_to_multiple);
    const endpoints base =
        backbones::resnet_v1(net, images, backbone_of(opts, scope, scope + "/" + scope),
                             backbones::resnet_v1_units(Layers), backbones::subsampling::behind_block);
    const necks::base_levels levels{base.at("block1"), base.at("block2"), base.at("block3"), base.at("block4")};
    return necks::fpn(net, levels, necks::pyramid_of(opts, "FeatureExtractor/" + scope + "/fpn", "bottom_up_block", 5),
                      opts.conv_hyperparams);
  }
};

using resnet50_v1_fpn = resnet_v1_fpn<50>;
using resnet101_v1_fpn = resnet_v1_fpn<101>;
using resnet152_v1_fpn = resnet_v1_fpn<152>;

static_assert(feature_extractor<resnet50_v1_fpn>);

}  // namespace odt
