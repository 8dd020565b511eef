// SPDX-License-Identifier: MIT
// The coarser feature maps that SSD adds behind its base network (Liu et al., "SSD: Single Shot MultiBox Detector",
// 2016).
#pragma once

#include <odt/core/error.hpp>
#include <odt/nn/network.hpp>

#include <string_view>

namespace odt {

/// max(int(depth * multiplier), min_depth), computed in double from the float32 multiplier. A layer without channels is
/// refused.
constexpr int scaled_depth(double depth, float multiplier, int min_depth) {
  const int scaled = static_cast<int>(depth * static_cast<double>(multiplier));
  const int result = scaled > min_depth ? scaled : min_depth;
  if (result < 1)
    fail("depth_multiplier ", multiplier, " and min_depth ", min_depth, " leave a layer of ", depth,
         " channels none; one of them has to be larger");
  return result;
}

/// A number in decimal; std::to_string is not constexpr in C++20.
constexpr graph_name decimal(int number) {
  char digits[10] = {};
  int first = 10;
  do {
    digits[--first] = static_cast<char>('0' + number % 10);
    number /= 10;
  } while (number > 0);
  return std::string_view(digits + first, digits + 10);
}

/// What the extra layers need to know of their extractor.
struct extra_layers_spec {
  graph_name scope{};       ///< of the extractor, e.g. "FeatureExtractor/MobilenetV1"
  graph_name base_layer{};  ///< name of the base's last layer, e.g. "Conv2d_13_pointwise"
  float depth_multiplier = 1;
  int min_depth = 16;
  bool use_explicit_padding = false;
  bool use_depthwise = false;
};

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

}  // namespace odt
