// SPDX-License-Identifier: MIT
// Inception v2 (Ioffe and Szegedy, arXiv:1502.03167, and Szegedy et al., arXiv:1512.00567): a separable 7x7 stem and
// ten blocks of parallel branches. Endpoints: Mixed_3c, Mixed_4c, Mixed_4e, Mixed_5c. Two-stage detectors take it in
// two halves, up to Mixed_4e and from there on.
#pragma once

#include <odt/backbone.hpp>
#include <odt/nn/depths.hpp>

namespace odt::backbones {

namespace detail {

/// A 1x1 convolution to `reduced` channels, then 3x3 to `full`.
struct inception_tower {
  int reduced, full;
};

struct inception_v2_blocks {
  network& net;
  const backbone_spec& spec;
  hyperparams h;

  static constexpr inception_v2_blocks of(network& net, const backbone_spec& spec) {
    if (!spec.override_with) fail("inception_v2 has no hyperparameters of its own; it needs some");
    return {net, spec, *spec.override_with};
  }

  constexpr int depth(int d) const { return scaled_depth(d, spec.depth_multiplier, spec.min_depth); }

  /// A convolution named <where>; some start from a wider deviation than the config's.
  constexpr int conv(int x, const graph_name& where, int channels, int kernel, int stride = 1,
                     float deviation = 0) const {
    hyperparams own = h;
    if (deviation > 0) own.weights = initializer::truncated_normal(deviation);
    return convolve(
        net, x,
        {spec.variables + "/" + where, spec.operations + "/" + where, depth(channels), kernel, stride, padding::same},
        own);
  }

  constexpr int pool(int x, layer_kind kind, const graph_name& where, int stride) const {
    const graph_name op = kind == layer_kind::max_pool ? "/MaxPool" : "/AvgPool";
    return net.pool(kind, x, spec.operations + "/" + where + op, 3, stride, padding::same);
  }

  /// Separable 7x7 with stride 2, pooling, 1x1, 3x3, pooling: an eighth of the image.
  constexpr int stem(int x) const {
    const graph_name scope = spec.variables + "/Conv2d_1a_7x7";
    const graph_name op = spec.operations + "/Conv2d_1a_7x7";
    const int channels = depth(64);
    const int multiplier = channels / 3 < 8 ? channels / 3 : 8;
    const auto weights = [&](const char* name, int kernel, int outputs) {
      layer_variables v;
      v.weights = net.add_variable(scope + name, {kernel, kernel, net.channels(x), outputs},
                                   initializer::truncated_normal(1.0f), h.penalty);
      return v;
    };
    x = net.add({.kind = layer_kind::depthwise_convolution,
                 .name = op + "/separable_conv2d/depthwise",
                 .inputs = {x},
                 .channels = net.channels(x) * multiplier,
                 .kernel_height = 7,
                 .kernel_width = 7,
                 .stride = 2,
                 .multiplier = multiplier,
                 .variables = weights("/depthwise_weights", 7, multiplier)});
    layer_variables pointwise = weights("/pointwise_weights", 1, channels);
    if (!h.normalizes()) pointwise.biases = add_biases(net, scope, channels);
    x = net.add({.kind = layer_kind::convolution,
                 .name = op + "/separable_conv2d",
                 .inputs = {x},
                 .channels = channels,
                 .variables = pointwise});
    x = normalize_and_activate(net, x, {.scope = scope, .operation = op}, h);
    x = pool(x, layer_kind::max_pool, "MaxPool_2a_3x3", 2);
    x = conv(x, "Conv2d_2b_1x1", 64, 1, 1, 0.1f);
    x = conv(x, "Conv2d_2c_3x3", 192, 3);
    return pool(x, layer_kind::max_pool, "MaxPool_3a_3x3", 2);
  }

  /// Four branches: 1x1; 1x1 and 3x3; 1x1 and two 3x3; a pool and 1x1.
  constexpr int mixed(int x, const graph_name& block, int direct, inception_tower single, inception_tower twice,
                      layer_kind pool_kind, int projected, float deviation) const {
    const int b0 = conv(x, block + "/Branch_0/Conv2d_0a_1x1", direct, 1);
    int b1 = conv(x, block + "/Branch_1/Conv2d_0a_1x1", single.reduced, 1, 1, 0.09f);
    b1 = conv(b1, block + "/Branch_1/Conv2d_0b_3x3", single.full, 3);
    int b2 = conv(x, block + "/Branch_2/Conv2d_0a_1x1", twice.reduced, 1, 1, 0.09f);
    b2 = conv(b2, block + "/Branch_2/Conv2d_0b_3x3", twice.full, 3);
    b2 = conv(b2, block + "/Branch_2/Conv2d_0c_3x3", twice.full, 3);
    const graph_name pooled = pool_kind == layer_kind::max_pool ? "/MaxPool_0a_3x3" : "/AvgPool_0a_3x3";
    int b3 = pool(x, pool_kind, block + "/Branch_3" + pooled, 1);
    b3 = conv(b3, block + "/Branch_3/Conv2d_0b_1x1", projected, 1, 1, deviation);
    return net.concat(spec.operations + "/" + block + "/concat", {b0, b1, b2, b3});
  }

  /// Three branches with stride 2: 1x1 and 3x3; 1x1 and two 3x3; a pool.
  constexpr int reduction(int x, const graph_name& block, inception_tower single, inception_tower twice) const {
    int b0 = conv(x, block + "/Branch_0/Conv2d_0a_1x1", single.reduced, 1, 1, 0.09f);
    b0 = conv(b0, block + "/Branch_0/Conv2d_1a_3x3", single.full, 3, 2);
    int b1 = conv(x, block + "/Branch_1/Conv2d_0a_1x1", twice.reduced, 1, 1, 0.09f);
    b1 = conv(b1, block + "/Branch_1/Conv2d_0b_3x3", twice.full, 3);
    b1 = conv(b1, block + "/Branch_1/Conv2d_1a_3x3", twice.full, 3, 2);
    const int b2 = pool(x, layer_kind::max_pool, block + "/Branch_2/MaxPool_1a_3x3", 2);
    return net.concat(spec.operations + "/" + block + "/concat", {b0, b1, b2});
  }
};

}  // namespace detail

/// The blocks up to Mixed_4e, a sixteenth of the image. It has no hyperparameters of its own: `spec` has to bring some.
constexpr endpoints inception_v2_to_mixed_4e(network& net, int input, const backbone_spec& spec) {
  const auto b = detail::inception_v2_blocks::of(net, spec);
  constexpr auto average = layer_kind::average_pool;
  endpoints ends;
  int x = b.stem(input);
  x = b.mixed(x, "Mixed_3b", 64, {64, 64}, {64, 96}, average, 32, 0.1f);
  x = b.mixed(x, "Mixed_3c", 64, {64, 96}, {64, 96}, average, 64, 0.1f);
  ends.add("Mixed_3c", x);
  x = b.reduction(x, "Mixed_4a", {128, 160}, {64, 96});
  x = b.mixed(x, "Mixed_4b", 224, {64, 96}, {96, 128}, average, 128, 0.1f);
  x = b.mixed(x, "Mixed_4c", 192, {96, 128}, {96, 128}, average, 128, 0.1f);
  ends.add("Mixed_4c", x);
  x = b.mixed(x, "Mixed_4d", 160, {128, 160}, {128, 160}, average, 96, 0.1f);
  x = b.mixed(x, "Mixed_4e", 96, {128, 192}, {160, 192}, average, 96, 0.1f);
  ends.add("Mixed_4e", x);
  return ends;
}

/// The blocks behind Mixed_4e, with half its size; the last is Mixed_5c.
constexpr int inception_v2_to_mixed_5c(network& net, int x, const backbone_spec& spec) {
  const auto b = detail::inception_v2_blocks::of(net, spec);
  x = b.reduction(x, "Mixed_5a", {128, 192}, {192, 256});
  x = b.mixed(x, "Mixed_5b", 352, {192, 320}, {160, 224}, layer_kind::average_pool, 128, 0.1f);
  return b.mixed(x, "Mixed_5c", 352, {192, 320}, {192, 224}, layer_kind::max_pool, 128, 0.1f);
}

constexpr endpoints inception_v2(network& net, int input, const backbone_spec& spec) {
  endpoints ends = inception_v2_to_mixed_4e(net, input, spec);
  ends.add("Mixed_5c", inception_v2_to_mixed_5c(net, ends.at("Mixed_4e"), spec));
  return ends;
}

}  // namespace odt::backbones
