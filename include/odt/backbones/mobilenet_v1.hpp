// SPDX-License-Identifier: MIT
// MobileNet v1 (Howard et al., arXiv:1704.04861): a 3x3 convolution, then 13 pairs of depthwise 3x3 and pointwise 1x1.
// Endpoints: Conv2d_<i>_pointwise, i from 1 to 13; 3, 5, 11 and 13 are the last of strides 4, 8, 16 and 32.
#pragma once

#include <odt/backbone.hpp>
#include <odt/nn/depths.hpp>

namespace odt::backbones {

/// The original's: initial deviation 0.09, decay 0.9997.
constexpr hyperparams mobilenet_v1_hyperparams() {
  return {.weights = initializer::truncated_normal(0.09f),
          .penalty = regularizer::l2(0.00004f),
          .act = activation::relu_6,
          .has_batch_norm = true,
          .norm = {.decay = 0.9997f, .center = true, .scale = true, .epsilon = 0.001f, .freezable = true}};
}

/// `narrow_top`: the last two pairs have 512 and 256 channels in place of 1024, as under separable pyramids.
constexpr endpoints mobilenet_v1(network& net, int input, const backbone_spec& spec, bool narrow_top = false) {
  const hyperparams h = spec.override_with ? *spec.override_with : mobilenet_v1_hyperparams();
  const padding border = spec.use_explicit_padding ? padding::fixed : padding::same;
  const auto depth = [&spec](int d) { return scaled_depth(d, spec.depth_multiplier, spec.min_depth); };
  const auto conv = [&spec](const graph_name& name, int channels, int kernel, int stride, padding b) {
    return convolution_spec{spec.variables + "/" + name, spec.operations + "/" + name, channels, kernel, stride, b};
  };

  struct pair {
    int channels, stride;
  };
  const pair pairs[] = {{64, 1},
                        {128, 2},
                        {128, 1},
                        {256, 2},
                        {256, 1},
                        {512, 2},
                        {512, 1},
                        {512, 1},
                        {512, 1},
                        {512, 1},
                        {512, 1},
                        {narrow_top ? 512 : 1024, 2},
                        {narrow_top ? 256 : 1024, 1}};
  endpoints ends;
  int x = convolve(net, input, conv("Conv2d_0", depth(32), 3, 2, border), h);
  int number = 0;
  for (const auto& [channels, stride] : pairs) {
    const graph_name layer = "Conv2d_" + decimal(++number);
    x = convolve_depthwise(net, x, conv(layer + "_depthwise", 0, 3, stride, border), h);
    x = convolve(net, x, conv(layer + "_pointwise", depth(channels), 1, 1, padding::same), h);
    ends.add(layer + "_pointwise", x);
  }
  return ends;
}

}  // namespace odt::backbones
