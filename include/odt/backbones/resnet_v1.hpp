// SPDX-License-Identifier: MIT
// ResNet v1 (He et al., arXiv:1512.03385) with 50, 101 or 152 layers, as slim builds it: a block halves its size in its
// last unit rather than its first. Endpoints: block1 to block4.
#pragma once

#include <odt/backbone.hpp>
#include <odt/nn/depths.hpp>

#include <array>

namespace odt::backbones {

/// Units of each block.
using resnet_units = std::array<int, 4>;

constexpr resnet_units resnet_v1_units(int layers) {
  if (layers == 50) return {3, 4, 6, 3};
  if (layers == 101) return {3, 4, 23, 3};
  if (layers == 152) return {3, 8, 36, 3};
  fail("resnet_v1_", layers, " is not available; there are 50, 101, 152");
}

/// The name of its variables' scope in classification checkpoints.
constexpr std::string_view resnet_v1_scope(int layers) {
  return layers == 50 ? "resnet_v1_50" : layers == 101 ? "resnet_v1_101" : "resnet_v1_152";
}

/// The original's: decay 0.997, epsilon 1e-5, weight decay 1e-4. What overrides it says nothing of a norm's decay,
/// scale and epsilon, as in the API.
constexpr hyperparams resnet_v1_hyperparams(const backbone_spec& spec) {
  constexpr batch_norm_options norm{
      .decay = 0.997f, .center = true, .scale = true, .epsilon = 1e-5f, .freezable = true};
  if (!spec.override_with)
    return {.weights = initializer::variance_scaling(2, fan_mode::fan_in, false),
            .penalty = regularizer::l2(0.0001f),
            .act = activation::relu,
            .has_batch_norm = true,
            .norm = norm};
  hyperparams h = *spec.override_with;
  h.norm.decay = norm.decay;
  h.norm.scale = norm.scale;
  h.norm.epsilon = norm.epsilon;
  return h;
}

/// Where a block halves its size. Behind the block, its endpoint still has the block's full size.
enum class subsampling { in_last_unit, behind_block };

namespace detail {

/// The strides that are left until a map is as coarse as it may get. Beyond that a stride widens the rate of all later
/// kernels instead, which then see as far (atrous convolution: Chen et al., arXiv:1606.00915).
struct stride_allowance {
  int left = 1;
  int rate = 1;

  /// What becomes of a stride.
  constexpr int take(int stride) {
    if (left == 1) {
      rate *= stride;
      return 1;
    }
    left /= stride;
    return stride;
  }
};

/// A bottleneck: 1x1, 3x3, 1x1 to four times the channels, and the shortcut added before the activation.
struct resnet_unit {
  network& net;
  const backbone_spec& spec;
  const hyperparams h;
  const hyperparams linear;

  constexpr resnet_unit(network& n, const backbone_spec& s)
      : net(n), spec(s), h(resnet_v1_hyperparams(s)), linear(without_activation(h)) {}

  static constexpr hyperparams without_activation(hyperparams p) {
    p.act = activation::none;
    return p;
  }

  /// SAME without stride; with one, centred on the pixels that remain.
  constexpr int conv(int x, const graph_name& name, int channels, int kernel, int stride, const hyperparams& p,
                     int rate = 1) const {
    const padding border = stride > 1 ? padding::fixed : padding::same;
    return convolve(
        net, x, {spec.variables + "/" + name, spec.operations + "/" + name, channels, kernel, stride, border, rate}, p);
  }

  /// Every second pixel.
  constexpr int subsample(int x, int stride, const graph_name& name) const {
    if (stride == 1) return x;
    return net.pool(layer_kind::max_pool, x, spec.operations + "/" + name + "/MaxPool", 1, stride, padding::same);
  }

  constexpr int operator()(int x, const graph_name& unit, int depth, int stride, int rate) const {
    const graph_name name = unit + "/bottleneck_v1";
    const int shortcut = net.channels(x) == 4 * depth ? subsample(x, stride, name + "/shortcut")
                                                      : conv(x, name + "/shortcut", 4 * depth, 1, stride, linear);
    x = conv(x, name + "/conv1", depth, 1, 1, h);
    x = conv(x, name + "/conv2", depth, 3, stride, h, rate);
    x = conv(x, name + "/conv3", 4 * depth, 1, 1, linear);
    x = net.sum(shortcut, x, spec.operations + "/" + name + "/add");
    return net.activate(x, activation::relu, spec.operations + "/" + name + "/Relu");
  }

  /// Block 1 to 4: units one behind the other, the last with the stride.
  constexpr int block(int x, int number, int units, int stride, stride_allowance& strides) const {
    const int depth = scaled_depth(32 << number, spec.depth_multiplier, spec.min_depth);
    for (int u = 1; u <= units; ++u) {
      const int rate = strides.rate;
      const int own = u == units ? strides.take(stride) : 1;
      x = (*this)(x, "block" + decimal(number) + "/unit_" + decimal(u), depth, own, rate);
    }
    return x;
  }
};

}  // namespace detail

/// `output_stride`: that of the coarsest map, 4, 8, 16 or 32. Below 32 the strides of the last blocks become rates.
constexpr endpoints resnet_v1(network& net, int input, const backbone_spec& spec, const resnet_units& units,
                              subsampling where, int output_stride = 32) {
  const detail::resnet_unit unit(net, spec);
  detail::stride_allowance strides{output_stride / 4};
  endpoints ends;
  int x = unit.conv(input, "conv1", 64, 7, 2, unit.h);
  x = net.pool(layer_kind::max_pool, x, spec.operations + "/pool1/MaxPool", 3, 2, padding::same);
  for (int b = 1; b <= 4; ++b) {
    const graph_name block = "block" + decimal(b);
    const int stride = b < 4 ? 2 : 1;
    const bool behind = where == subsampling::behind_block;
    x = unit.block(x, b, units[static_cast<std::size_t>(b - 1)], behind ? 1 : stride, strides);
    ends.add(block, x);
    if (behind) x = unit.subsample(x, strides.take(stride), block + "/MaxPool2D");
  }
  return ends;
}

/// Block 4 alone, at the size of its input; the same for all layer counts.
constexpr int resnet_v1_block4(network& net, int input, const backbone_spec& spec) {
  detail::stride_allowance strides;
  return detail::resnet_unit(net, spec).block(input, 4, resnet_v1_units(50)[3], 1, strides);
}

}  // namespace odt::backbones
