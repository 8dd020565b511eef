// SPDX-License-Identifier: MIT
// The API's ssd_inception_v2: SSD predicts from Mixed_4c and Mixed_5c of Inception v2 and from four extra layers.
#pragma once

#include <odt/backbones/inception_v2.hpp>
#include <odt/feature_extractor.hpp>
#include <odt/necks/multi_resolution.hpp>

#include <string_view>

namespace odt {

struct inception_v2 {
  static constexpr std::string_view name = "ssd_inception_v2";
  static constexpr std::string_view variable_scope = "InceptionV2";
  static constexpr pixel_transform pixels = pixel_transform::minus_one_to_one();

  using options = ssd_extractor_options;

  options opts{};

  constexpr feature_maps build(network& net, int input) const {
    if (!opts.override_base_feature_extractor_hyperparams)
      fail(
          "feature_extractor.override_base_feature_extractor_hyperparams is false, but ssd_inception_v2 has no "
          "hyperparameters of its own; set it to true");
    const int images = net.pad_to_multiple(input, opts.pad_to_multiple);
    const endpoints base =
        backbones::inception_v2(net, images, backbone_of(opts, "InceptionV2", "InceptionV2/InceptionV2"));
    return necks::multi_resolution(net, {base.at("Mixed_4c"), base.at("Mixed_5c")},
                                   necks::extra_layers_of(opts, "FeatureExtractor/InceptionV2", "Mixed_5c"),
                                   opts.conv_hyperparams);
  }
};

static_assert(feature_extractor<inception_v2>);

}  // namespace odt
