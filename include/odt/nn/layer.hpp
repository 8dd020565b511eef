// SPDX-License-Identifier: MIT
// One layer of a network, as TensorFlow runs it: unfused, with the name of its operation.
#pragma once

#include <odt/core/image.hpp>
#include <odt/core/static_vector.hpp>
#include <odt/nn/dropout.hpp>
#include <odt/nn/graph_name.hpp>
#include <odt/nn/hyperparams.hpp>

#include <array>
#include <cstdint>

namespace odt {

enum class layer_kind : std::uint8_t {
  input,                  ///< the preprocessed images
  pad,                    ///< zeros at the bottom and right, up to a multiple
  convolution,            ///< dense, weights [kh, kw, in, out]
  depthwise_convolution,  ///< weights [kh, kw, in, multiplier]
  batch_norm,
  group_norm,
  clamp,       ///< ReLU, ReLU6 and limits: min(max(x, low), high)
  activation,  ///< those that are no clamps
  max_pool,
  average_pool,
  global_pool,  ///< the mean over height and width
  concat,       ///< along the channels
  slice,        ///< some of the channels
  add,          ///< of two inputs of equal extents
  multiply,     ///< of two inputs; the second may have one pixel an image
  upsample,     ///< by repeating rows and columns
  dropout,
  regions,          ///< boxes that the detector chooses once its inputs are there: images of one line of 4 channels
  crop_and_resize,  ///< of a map, at boxes: several images a picture; without boxes, of all of it
  position_sensitive_crop  ///< the same, where each bin of a box has channels of its own; the mean over all
};

enum class run_mode : std::uint8_t { train, infer };

/// How many boxes a layer has room for in each picture.
struct region_capacity {
  int train = 0;
  int infer = 0;

  constexpr int of(run_mode mode) const { return mode == run_mode::train ? train : infer; }
};

/// How a window meets the border: TensorFlow's SAME (the odd pixel at the bottom and right), VALID, or the extractors'
/// explicit padding ((k-1)/2 zeros before, the rest after, then VALID); or, for pools of single pixels, VALID over what
/// the image is without its first row and column and with zeros behind the last.
enum class padding : std::uint8_t { same, valid, fixed, shifted };

/// A layer's variables, as numbers in its network; -1 where it has none of that role. Layers that share a variable have
/// the same number.
struct layer_variables {
  int weights = -1;
  int biases = -1;
  int gamma = -1;
  int beta = -1;
  int moving_mean = -1;
  int moving_variance = -1;

  /// In TensorFlow's order of creation.
  constexpr std::array<int, 6> all() const { return {weights, biases, gamma, beta, moving_mean, moving_variance}; }
};

/// A layer; `inputs` are numbers of earlier layers. Fields that a kind has no use for stay at their defaults.
struct layer {
  layer_kind kind = layer_kind::input;
  graph_name name{};  ///< TensorFlow's operation, e.g. "FeatureExtractor/MobilenetV1/MobilenetV1/Conv2d_0/Conv2D"
  static_vector<int, 8> inputs{};
  int channels = 0;  ///< of the output
  int kernel_height = 1;
  int kernel_width = 1;
  int stride = 1;
  int rate = 1;
  int multiplier = 1;  ///< pad: of the size; depthwise: outputs an input channel; upsample: of the size
  int like = -1;       ///< upsample: the layer whose height and width the output is cut to; -1: it is not
  int first = 0;       ///< slice: channel of its input
  padding border = padding::same;
  layer_variables variables{};
  batch_norm_options norm{};   ///< batch_norm; group_norm: its epsilon
  int groups = 1;              ///< group_norm
  elementwise function{};      ///< clamp, activation
  dropout_options dropout{};   ///< dropout
  region_capacity capacity{};  ///< regions
  size2 crop{};                ///< crops: height and width of each
  size2 bins{1, 1};            ///< position_sensitive_crop
};

/// Where windows lie along one axis: padding before the first input, and number of outputs.
struct axis_window {
  int before = 0;
  int out = 0;
};

/// Output size and leading padding along one axis.
constexpr axis_window place_window(int in, int kernel, int stride, int rate, padding border) {
  const int reach = (kernel - 1) * rate + 1;
  if (border == padding::valid) return {0, in < reach ? 0 : (in - reach) / stride + 1};
  if (border == padding::fixed) return {(reach - 1) / 2, (in - 1) / stride + 1};
  if (border == padding::shifted) return {-1, (in - 1) / stride + 1};
  const int out = (in + stride - 1) / stride;
  const int total = (out - 1) * stride + reach - in;
  return {total > 0 ? total / 2 : 0, out};
}

}  // namespace odt
