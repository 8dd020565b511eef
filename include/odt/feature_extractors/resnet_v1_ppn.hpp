// SPDX-License-Identifier: MIT
// The API's ssd_resnet50_v1_ppn, ssd_resnet101_v1_ppn and ssd_resnet152_v1_ppn: a pooling pyramid on ResNet v1's third
// block. The fourth, which nothing is predicted from, is there as well.
#pragma once

#include <odt/backbones/resnet_v1.hpp>
#include <odt/feature_extractor.hpp>
#include <odt/necks/ppn.hpp>

#include <string_view>

namespace odt {

template <int Layers>
struct resnet_v1_ppn {
  static constexpr std::string_view name = Layers == 50    ? "ssd_resnet50_v1_ppn"
                                           : Layers == 101 ? "ssd_resnet101_v1_ppn"
                                                           : "ssd_resnet152_v1_ppn";
  static constexpr std::string_view variable_scope = backbones::resnet_v1_scope(Layers);
  static constexpr pixel_transform pixels = pixel_transform::subtract_mean();

  using options = ssd_extractor_options;

  options opts{};

  constexpr feature_maps build(network& net, int input) const {
    refuse_explicit_padding(name, opts);
    refuse_depthwise(name, opts);
    if (opts.depth_multiplier != 1)
      fail("feature_extractor.depth_multiplier is ", opts.depth_multiplier, ", but ", name,
           " has one width; leave it out");
    const graph_name scope = variable_scope;
    const int images = net.pad_to_multiple(input, opts.pad_to_multiple);
    const endpoints base =
        backbones::resnet_v1(net, images, backbone_of(opts, scope, scope + "/" + scope),
                             backbones::resnet_v1_units(Layers), backbones::subsampling::behind_block);
    return necks::ppn(net, base.at("block3"), {"FeatureExtractor/" + scope, 1024, opts.num_layers},
                      opts.conv_hyperparams);
  }
};

using resnet50_v1_ppn = resnet_v1_ppn<50>;
using resnet101_v1_ppn = resnet_v1_ppn<101>;
using resnet152_v1_ppn = resnet_v1_ppn<152>;

static_assert(feature_extractor<resnet50_v1_ppn>);

}  // namespace odt
