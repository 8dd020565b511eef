// SPDX-License-Identifier: MIT
// Inception-ResNet v2 (Szegedy et al., arXiv:1602.07261) as two-stage detectors take it: padded everywhere, so that
// maps are aligned with the image, and in two halves. The first ends with PreAuxLogits, the twentieth block17; the
// second with Conv2d_7b_1x1. A residual is scaled down before it is added.
#pragma once

#include <odt/backbone.hpp>

namespace odt::backbones {

/// The original's: decay 0.9997, no gamma.
constexpr hyperparams inception_resnet_v2_hyperparams() {
  return {.weights = initializer::variance_scaling(1, fan_mode::fan_avg, true),
          .penalty = regularizer::l2(0.00004f),
          .act = activation::relu,
          .has_batch_norm = true,
          .norm = {.decay = 0.9997f, .center = true, .scale = false, .epsilon = 0.001f}};
}

namespace detail {

struct inception_resnet_v2_blocks {
  network& net;
  const backbone_spec& spec;
  const hyperparams h;
  int rate = 1;  ///< of the kernels of block17

  constexpr inception_resnet_v2_blocks(network& n, const backbone_spec& s)
      : net(n), spec(s), h(s.override_with.value_or(inception_resnet_v2_hyperparams())) {}

  /// A convolution named <where>.
  constexpr int conv(int x, const graph_name& where, int channels, int kernel, int stride = 1,
                     padding border = padding::same) const {
    return convolve(net, x, named(where, channels, kernel, stride, border), h);
  }

  /// The same with an oblong kernel, at the rate.
  constexpr int conv_oblong(int x, const graph_name& where, int channels, int height, int width) const {
    convolution_spec c = named(where, channels, height, 1, padding::same);
    c.kernel_width = width, c.rate = rate;
    return convolve(net, x, c, h);
  }

  constexpr convolution_spec named(const graph_name& where, int channels, int kernel, int stride,
                                   padding border) const {
    return {spec.variables + "/" + where, spec.operations + "/" + where, channels, kernel, stride, border};
  }

  constexpr int pool(int x, const graph_name& where, int stride, padding border = padding::same) const {
    return net.pool(layer_kind::max_pool, x, spec.operations + "/" + where + "/MaxPool", 3, stride, border);
  }

  constexpr int concat(const graph_name& block, std::initializer_list<int> branches) const {
    return net.concat(spec.operations + "/" + block + "/concat", branches);
  }

  /// An eighth of the image.
  constexpr int stem(int x) const {
    x = conv(x, "Conv2d_1a_3x3", 32, 3, 2);
    x = conv(x, "Conv2d_2a_3x3", 32, 3);
    x = conv(x, "Conv2d_2b_3x3", 64, 3);
    x = pool(x, "MaxPool_3a_3x3", 2);
    x = conv(x, "Conv2d_3b_1x1", 80, 1);
    x = conv(x, "Conv2d_4a_3x3", 192, 3);
    return pool(x, "MaxPool_5a_3x3", 2);
  }

  /// Four branches: 1x1; 1x1 and 5x5; 1x1 and two 3x3; a pool and 1x1.
  constexpr int mixed_5b(int x) const {
    const int b0 = conv(x, "Mixed_5b/Branch_0/Conv2d_1x1", 96, 1);
    int b1 = conv(x, "Mixed_5b/Branch_1/Conv2d_0a_1x1", 48, 1);
    b1 = conv(b1, "Mixed_5b/Branch_1/Conv2d_0b_5x5", 64, 5);
    int b2 = conv(x, "Mixed_5b/Branch_2/Conv2d_0a_1x1", 64, 1);
    b2 = conv(b2, "Mixed_5b/Branch_2/Conv2d_0b_3x3", 96, 3);
    b2 = conv(b2, "Mixed_5b/Branch_2/Conv2d_0c_3x3", 96, 3);
    int b3 = net.pool(layer_kind::average_pool, x, spec.operations + "/Mixed_5b/Branch_3/AvgPool_0a_3x3/AvgPool", 3, 1,
                      padding::same);
    b3 = conv(b3, "Mixed_5b/Branch_3/Conv2d_0b_1x1", 64, 1);
    return concat("Mixed_5b", {b0, b1, b2, b3});
  }

  /// Three branches with a stride: 3x3; 1x1 and two 3x3; a pool.
  constexpr int mixed_6a(int x, int stride) const {
    const int b0 = conv(x, "Mixed_6a/Branch_0/Conv2d_1a_3x3", 384, 3, stride);
    int b1 = conv(x, "Mixed_6a/Branch_1/Conv2d_0a_1x1", 256, 1);
    b1 = conv(b1, "Mixed_6a/Branch_1/Conv2d_0b_3x3", 256, 3);
    b1 = conv(b1, "Mixed_6a/Branch_1/Conv2d_1a_3x3", 384, 3, stride);
    const int b2 = pool(x, "Mixed_6a/Branch_2/MaxPool_1a_3x3", stride);
    return concat("Mixed_6a", {b0, b1, b2});
  }

  /// Four branches with stride 2, without padding: 1x1 and 3x3, twice; 1x1 and two 3x3; a pool.
  constexpr int mixed_7a(int x) const {
    constexpr padding none = padding::valid;
    int b0 = conv(x, "Mixed_7a/Branch_0/Conv2d_0a_1x1", 256, 1);
    b0 = conv(b0, "Mixed_7a/Branch_0/Conv2d_1a_3x3", 384, 3, 2, none);
    int b1 = conv(x, "Mixed_7a/Branch_1/Conv2d_0a_1x1", 256, 1);
    b1 = conv(b1, "Mixed_7a/Branch_1/Conv2d_1a_3x3", 288, 3, 2, none);
    int b2 = conv(x, "Mixed_7a/Branch_2/Conv2d_0a_1x1", 256, 1);
    b2 = conv(b2, "Mixed_7a/Branch_2/Conv2d_0b_3x3", 288, 3);
    b2 = conv(b2, "Mixed_7a/Branch_2/Conv2d_1a_3x3", 320, 3, 2, none);
    return concat("Mixed_7a", {b0, b1, b2, pool(x, "Mixed_7a/Branch_3/MaxPool_1a_3x3", 2, none)});
  }

  /// The joined branches brought to the channels of x by 1x1, scaled and added to it.
  constexpr int residual(int x, const graph_name& block, int joined, float scale, activation act) const {
    hyperparams bare = h;
    bare.act = activation::none, bare.has_batch_norm = false;
    const graph_name op = spec.operations + "/" + block;
    const int up = convolve(net, joined, named(block + "/Conv2d_1x1", net.channels(x), 1, 1, padding::same), bare);
    return net.activate(net.sum(x, net.scale(up, scale, op + "/mul"), op + "/add"), act, op + "/Relu");
  }

  constexpr int block35(int x, const graph_name& block) const {
    const int b0 = conv(x, block + "/Branch_0/Conv2d_1x1", 32, 1);
    int b1 = conv(x, block + "/Branch_1/Conv2d_0a_1x1", 32, 1);
    b1 = conv(b1, block + "/Branch_1/Conv2d_0b_3x3", 32, 3);
    int b2 = conv(x, block + "/Branch_2/Conv2d_0a_1x1", 32, 1);
    b2 = conv(b2, block + "/Branch_2/Conv2d_0b_3x3", 48, 3);
    b2 = conv(b2, block + "/Branch_2/Conv2d_0c_3x3", 64, 3);
    return residual(x, block, concat(block, {b0, b1, b2}), 0.17f, h.act);
  }

  constexpr int block17(int x, const graph_name& block) const {
    const int b0 = conv(x, block + "/Branch_0/Conv2d_1x1", 192, 1);
    int b1 = conv(x, block + "/Branch_1/Conv2d_0a_1x1", 128, 1);
    b1 = conv_oblong(b1, block + "/Branch_1/Conv2d_0b_1x7", 160, 1, 7);
    b1 = conv_oblong(b1, block + "/Branch_1/Conv2d_0c_7x1", 192, 7, 1);
    return residual(x, block, concat(block, {b0, b1}), 0.10f, h.act);
  }

  constexpr int block8(int x, const graph_name& block, float scale, activation act) const {
    const int b0 = conv(x, block + "/Branch_0/Conv2d_1x1", 192, 1);
    int b1 = conv(x, block + "/Branch_1/Conv2d_0a_1x1", 192, 1);
    b1 = conv_oblong(b1, block + "/Branch_1/Conv2d_0b_1x3", 224, 1, 3);
    b1 = conv_oblong(b1, block + "/Branch_1/Conv2d_0c_3x1", 256, 3, 1);
    return residual(x, block, concat(block, {b0, b1}), scale, act);
  }
};

}  // namespace detail

/// The first half, PreAuxLogits. `output_stride` is 16, or 8: then Mixed_6a has no stride and the oblong kernels behind
/// it have rate 2.
constexpr int inception_resnet_v2_to_pre_aux_logits(network& net, int input, const backbone_spec& spec,
                                                    int output_stride) {
  detail::inception_resnet_v2_blocks b(net, spec);
  int x = b.mixed_5b(b.stem(input));
  for (int i = 1; i <= 10; ++i) x = b.block35(x, "Repeat/block35_" + decimal(i));
  const bool atrous = output_stride == 8;
  x = b.mixed_6a(x, atrous ? 1 : 2);
  b.rate = atrous ? 2 : 1;
  for (int i = 1; i <= 20; ++i) x = b.block17(x, "Repeat_1/block17_" + decimal(i));
  return x;
}

/// The second half, Conv2d_7b_1x1, with half the size of its input, which is that of PreAuxLogits. The blocks' scope is
/// what slim calls it where this half stands alone: "Repeat".
constexpr int inception_resnet_v2_to_conv2d_7b(network& net, int input, const backbone_spec& spec) {
  const detail::inception_resnet_v2_blocks b(net, spec);
  int x = b.mixed_7a(input);
  for (int i = 1; i <= 9; ++i) x = b.block8(x, "Repeat/block8_" + decimal(i), 0.20f, b.h.act);
  x = b.block8(x, "Block8", 1, activation::none);
  return b.conv(x, "Conv2d_7b_1x1", 1536, 1);
}

}  // namespace odt::backbones
