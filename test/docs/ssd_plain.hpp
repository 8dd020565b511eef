// SPDX-License-Identifier: MIT
// The plain backbone under an SSD: its last two stages, and four extra maps behind them.
#pragma once

#include <docs/plain_backbone.hpp>
#include <odt/feature_extractor.hpp>
#include <odt/necks/multi_resolution.hpp>

struct ssd_plain {
  static constexpr std::string_view name = "ssd_plain";
  static constexpr std::string_view variable_scope = "Plain";
  static constexpr odt::pixel_transform pixels = odt::pixel_transform::minus_one_to_one();

  using options = odt::ssd_extractor_options;

  options opts{};

  constexpr odt::feature_maps build(odt::network& net, int input) const {
    const int images = net.pad_to_multiple(input, opts.pad_to_multiple);
    const odt::endpoints base = plain_backbone(net, images, odt::backbone_of(opts, "Plain", "Plain"));
    return odt::necks::multi_resolution(net, {base.at("stage_3"), base.at("stage_4")},
                                        odt::necks::extra_layers_of(opts, "FeatureExtractor/Plain", "stage_4"),
                                        opts.conv_hyperparams);
  }
};
