// SPDX-License-Identifier: MIT
// MobileNet v2 (Sandler et al., arXiv:1801.04381): inverted residuals, that is 1x1 to six times the channels, depthwise
// 3x3, linear 1x1 back, and the input added where sizes allow. Endpoints: layer_<i>, i from 1 to 19 (4, 7, 14 and 19
// are the last of strides 4, 8, 16 and 32), and layer_<i>/expansion_output, the widened input of a residual.
#pragma once

#include <odt/backbone.hpp>
#include <odt/nn/depths.hpp>

namespace odt::backbones {

/// The original's: initial deviation 0.09, decay 0.9997. What overrides it says nothing of activation, centre, scale
/// or whether there is a norm, as in the API.
constexpr hyperparams mobilenet_v2_hyperparams(const backbone_spec& spec) {
  hyperparams h{.weights = initializer::truncated_normal(0.09f),
                .penalty = regularizer::l2(0.00004f),
                .act = activation::relu_6,
                .has_batch_norm = true,
                .norm = {.decay = 0.9997f, .center = true, .scale = true, .epsilon = 0.001f, .freezable = true}};
  if (!spec.override_with) return h;
  h.weights = spec.override_with->weights;
  h.penalty = spec.override_with->penalty;
  if (spec.override_with->has_batch_norm) h.norm = spec.override_with->norm;
  h.has_group_norm = spec.override_with->has_group_norm;
  h.has_batch_norm = !h.has_group_norm;
  h.norm.center = h.norm.scale = true;
  return h;
}

/// The last layer has `top_channels`, times the multiplier.
constexpr endpoints mobilenet_v2(network& net, int input, const backbone_spec& spec, int top_channels = 1280) {
  const hyperparams h = mobilenet_v2_hyperparams(spec);
  hyperparams depthwise = h, linear = h;
  if (!spec.override_with) depthwise.penalty = {};
  linear.act = activation::none;
  const padding border = spec.use_explicit_padding ? padding::fixed : padding::same;
  const auto depth = [&spec](int d) {
    return divisible_depth(d * static_cast<double>(spec.depth_multiplier), 8, spec.min_depth);
  };
  const auto conv = [&spec](const graph_name& name, int channels, int kernel, int stride, padding b) {
    return convolution_spec{spec.variables + "/" + name, spec.operations + "/" + name, channels, kernel, stride, b};
  };

  struct residual {
    int channels, stride;
  };
  constexpr residual residuals[] = {{16, 1}, {24, 2}, {24, 1}, {32, 2}, {32, 1},  {32, 1},  {64, 2},  {64, 1}, {64, 1},
                                    {64, 1}, {96, 1}, {96, 1}, {96, 1}, {160, 2}, {160, 1}, {160, 1}, {320, 1}};
  endpoints ends;
  int number = 1;
  const auto name_end = [&ends, &number](int layer, const char* part = "") {
    ends.add("layer_" + decimal(number) + part, layer);
  };
  int x = convolve(net, input, conv("Conv", depth(32), 3, 2, border), h);
  name_end(x);
  for (const auto& [channels, stride] : residuals) {
    const graph_name block = repeated("expanded_conv", number - 1);
    const int before = x;
    const bool widens = number > 1;
    ++number;
    if (widens) {
      const int wide = divisible_depth(6.0 * net.channels(x), 8, 8);
      x = convolve(net, x, conv(block + "/expand", wide, 1, 1, padding::same), h);
      name_end(x, "/expansion_output");
    }
    x = convolve_depthwise(net, x, conv(block + "/depthwise", 0, 3, stride, border), depthwise);
    x = convolve(net, x, conv(block + "/project", depth(channels), 1, 1, padding::same), linear);
    if (stride == 1 && net.channels(before) == net.channels(x))
      x = net.sum(x, before, spec.operations + "/" + block + "/add");
    name_end(x);
  }
  ++number;
  name_end(convolve(net, x, conv("Conv_1", depth(top_channels), 1, 1, padding::same), h));
  return ends;
}

}  // namespace odt::backbones
