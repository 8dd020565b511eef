// SPDX-License-Identifier: MIT
// The coarser feature maps that SSD adds behind its base network (Liu et al., "SSD: Single Shot MultiBox Detector",
// 2016).
#pragma once

#include <odt/neck.hpp>
#include <odt/nn/depths.hpp>

namespace odt::necks {

/// What the extra layers need to know of their extractor.
struct extra_layers_spec {
  graph_name scope{};       ///< of the extractor, e.g. "FeatureExtractor/MobilenetV1"
  graph_name base_layer{};  ///< name of the base's last layer, e.g. "Conv2d_13_pointwise"
  float depth_multiplier = 1;
  int min_depth = 16;
  bool use_explicit_padding = false;
  bool use_depthwise = false;
  int num_layers = 6;  ///< feature maps in all
};

/// The same from the options of an extractor.
constexpr extra_layers_spec extra_layers_of(const auto& o, const graph_name& scope, const graph_name& base_layer) {
  return {scope, base_layer, o.depth_multiplier, o.min_depth, o.use_explicit_padding, o.use_depthwise, o.num_layers};
}

/// Adds the `index`-th feature map behind `x`: a 1x1 convolution to half the depth, then a 3x3 with stride 2.
constexpr int add_extra_layer(network& net, int x, int index, int depth, const extra_layers_spec& spec,
                              const hyperparams& h) {
  const int half = scaled_depth(depth / 2.0, spec.depth_multiplier, spec.min_depth);
  const int full = scaled_depth(depth, spec.depth_multiplier, spec.min_depth);
  const graph_name prefix = spec.scope + "/" + spec.base_layer;
  const padding border = spec.use_explicit_padding ? padding::fixed : padding::same;
  const graph_name number = decimal(index);
  x = convolve(net, x, {.scope = prefix + "_1_Conv2d_" + number + "_1x1_" + decimal(half), .channels = half}, h);
  const graph_name name = prefix + "_2_Conv2d_" + number + "_3x3_s2_" + decimal(full);
  if (!spec.use_depthwise)
    return convolve(net, x, {.scope = name, .channels = full, .kernel = 3, .stride = 2, .border = border}, h);
  x = convolve_depthwise(net, x, {.scope = name + "_depthwise", .kernel = 3, .stride = 2, .border = border}, h);
  return convolve(net, x, {.scope = name, .channels = full}, h);
}

/// The base's own maps, and up to four extra ones behind the last of them.
constexpr feature_maps multi_resolution(network& net, feature_maps maps, const extra_layers_spec& spec,
                                        const hyperparams& h) {
  constexpr int depths[] = {512, 256, 256, 128};
  const int own = static_cast<int>(maps.size());
  for (int i = own; i < spec.num_layers && i < own + 4; ++i)
    maps.push_back(add_extra_layer(net, maps.back(), i, depths[i - own], spec, h));
  return maps;
}

}  // namespace odt::necks
