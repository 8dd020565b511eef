// SPDX-License-Identifier: MIT
// Pooling pyramids (Jin et al., arXiv:1807.03284): one feature map, and coarser ones made of it by 2x2 max pools with
// stride 2, so that one box predictor fits all.
#pragma once

#include <odt/neck.hpp>

namespace odt::necks {

struct ppn_spec {
  graph_name scope{};  ///< of the extractor, e.g. "FeatureExtractor/MobilenetV1"
  int base_depth = 0;  ///< channels that a 1x1 convolution gives the map first; 0: there is none
  int num_layers = 6;
};

constexpr feature_maps ppn(network& net, int x, const ppn_spec& spec, const hyperparams& h) {
  if (spec.base_depth > 0)
    x = convolve(
        net, x, {.scope = spec.scope + "/Base_Conv2d_1x1_" + decimal(spec.base_depth), .channels = spec.base_depth}, h);
  if (spec.num_layers > static_cast<int>(feature_maps::capacity()))
    fail("feature_extractor.num_layers is ", spec.num_layers, "; a pooling pyramid has at most ",
         feature_maps::capacity(), " feature maps");
  feature_maps maps{x};
  for (int i = 0; i + 1 < spec.num_layers; ++i) {
    const graph_name name = spec.scope + "/MaxPool2d_" + decimal(i) + "_2x2/MaxPool";
    maps.push_back(net.pool(layer_kind::max_pool, maps.back(), name, 2, 2, padding::same));
  }
  return maps;
}

}  // namespace odt::necks
