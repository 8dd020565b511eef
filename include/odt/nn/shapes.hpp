// SPDX-License-Identifier: MIT
// What follows from a network and an image size: the shapes of its layers, its multiply-adds, the rows of its outputs.
#pragma once

#include <odt/nn/network.hpp>

#include <cstdint>
#include <utility>
#include <vector>

namespace odt {

/// Height, width and channels of a layer's output for one picture; behind crops it is several images.
struct shape3 {
  int height = 0;
  int width = 0;
  int channels = 0;
  int images = 1;

  constexpr std::int64_t size() const { return std::int64_t{images} * height * width * channels; }
  friend constexpr bool operator==(const shape3&, const shape3&) = default;
};

namespace detail {

/// Refuses inputs that a layer cannot join.
constexpr void check_joined(const network& net, const layer& l, int other, const shape3& a, const shape3& b) {
  const bool one_pixel = l.kind == layer_kind::multiply && b.height == 1 && b.width == 1;
  const bool same_size = a.height == b.height && a.width == b.width && a.images == b.images;
  if ((same_size || one_pixel) && (a.channels == b.channels || l.kind == layer_kind::concat)) return;
  fail("layer ", l.name, ": joins ", a.height, "x", a.width, "x", a.channels, " (", net[l.inputs[0]].name, ") and ",
       b.height, "x", b.width, "x", b.channels, " (", net[other].name, "), which have to be equal; ",
       same_size || one_pixel ? "a 1x1 convolution makes the channels so"
                              : "an image size that is a multiple of all strides makes the sizes so");
}

/// What a window leaves of its input.
constexpr shape3 shape_of_windows(const layer& l, const shape3& in) {
  const int height = place_window(in.height, l.kernel_height, l.stride, l.rate, l.border).out;
  const int width = place_window(in.width, l.kernel_width, l.stride, l.rate, l.border).out;
  if (height < 1 || width < 1)
    fail("layer ", l.name, ": its window of ", l.kernel_height, "x", l.kernel_width, " does not fit into ", in.height,
         "x", in.width, " pixels; larger images, or crops, are needed");
  return {height, width, l.channels, in.images};
}

/// What crops of a map give.
constexpr shape3 shape_of_crops(const network& net, const layer& l, const shape3& map, const shape3& boxes) {
  if (map.images != 1) fail("layer ", l.name, ": crops ", net[l.inputs[0]].name, ", which is a crop itself");
  const bool pools = l.kind == layer_kind::position_sensitive_crop;
  return {pools ? 1 : l.crop.height, pools ? 1 : l.crop.width, l.channels, boxes.width};
}

/// The output shape of a layer, from those of the layers before it.
constexpr shape3 shape_of(const network& net, const layer& l, const std::vector<shape3>& before, run_mode mode) {
  const auto at = [&before](int number) -> const shape3& { return before[static_cast<std::size_t>(number)]; };
  const shape3& in = at(l.inputs[0]);
  switch (l.kind) {
    case layer_kind::regions:
      return {1, l.capacity.of(mode), l.channels};
    case layer_kind::crop_and_resize:
      if (l.inputs.size() == 1) return {l.crop.height, l.crop.width, l.channels, in.images};
      return shape_of_crops(net, l, in, at(l.inputs[1]));
    case layer_kind::position_sensitive_crop:
      return shape_of_crops(net, l, in, at(l.inputs[1]));
    case layer_kind::pad:
      return {(in.height + l.multiplier - 1) / l.multiplier * l.multiplier,
              (in.width + l.multiplier - 1) / l.multiplier * l.multiplier, l.channels, in.images};
    case layer_kind::upsample:
      if (l.like >= 0) {
        const shape3& like = at(l.like);
        if (like.height > in.height * l.multiplier || like.width > in.width * l.multiplier)
          fail("layer ", l.name, ": ", in.height, "x", in.width, " times ", l.multiplier, " is not as large as ",
               like.height, "x", like.width, " (", net[l.like].name, "); a larger factor or a finer input is needed");
        return {like.height, like.width, l.channels, in.images};
      }
      return {in.height * l.multiplier, in.width * l.multiplier, l.channels, in.images};
    case layer_kind::global_pool:
      return {1, 1, l.channels, in.images};
    case layer_kind::add:
    case layer_kind::multiply:
    case layer_kind::concat:
      for (const int other : l.inputs) check_joined(net, l, other, in, at(other));
      return {in.height, in.width, l.channels, in.images};
    default:
      return shape_of_windows(l, in);
  }
}

}  // namespace detail

/// The output shape of every layer for images of `size`.
constexpr std::vector<shape3> shapes(const network& net, size2 size, run_mode mode = run_mode::infer) {
  std::vector<shape3> result;
  for (const layer& l : net.layers)
    result.push_back(l.kind == layer_kind::input ? shape3{size.height, size.width, l.channels}
                                                 : detail::shape_of(net, l, result, mode));
  return result;
}

namespace detail {

/// The layers that an output depends on in some mode, or that move averages in training.
constexpr std::vector<char> used_layers(const network& net) {
  std::vector<char> used(static_cast<std::size_t>(net.size()), net.outputs.empty() ? 1 : 0);
  for (const network_output& o : net.outputs)
    for (const int l : o.layers) used[static_cast<std::size_t>(l)] = 1;
  for (int i = net.size() - 1; i >= 0; --i) {
    char& own = used[static_cast<std::size_t>(i)];
    if (net[i].kind == layer_kind::batch_norm && net[i].norm.train) own = 1;
    if (!own) continue;
    for (const int input : net[i].inputs) used[static_cast<std::size_t>(input)] = 1;
  }
  return used;
}

}  // namespace detail

/// Multiply-adds of the forward pass of one image (convolutions only, as is usual), of the layers that have an effect.
constexpr std::int64_t multiply_adds(const network& net, size2 size, run_mode mode = run_mode::infer) {
  const auto all = shapes(net, size, mode);
  const std::vector<char> used = detail::used_layers(net);
  std::int64_t sum = 0;
  for (int i = 0; i < net.size(); ++i) {
    if (!used[static_cast<std::size_t>(i)]) continue;
    const layer& l = net[i];
    const std::int64_t taps = std::int64_t{l.kernel_height} * l.kernel_width;
    const shape3& out = all[static_cast<std::size_t>(i)];
    if (l.kind == layer_kind::convolution) sum += out.size() * taps * net.channels(l.inputs[0]);
    if (l.kind == layer_kind::depthwise_convolution) sum += out.size() * taps;
  }
  return sum;
}

/// Rows of an output that a pixel of its `map`-th layer makes: boxes of a cell, where boxes are predicted.
constexpr int rows_per_pixel(const network& net, const network_output& output, int map) {
  return net.channels(output.layers[static_cast<std::size_t>(map)]) / output.columns;
}

/// Rows of an output for an image of `size`.
constexpr int row_count(const network& net, const network_output& output, size2 size, run_mode mode = run_mode::infer) {
  const auto all = shapes(net, size, mode);
  std::int64_t count = 0;
  for (const int number : output.layers) count += all[static_cast<std::size_t>(number)].size() / output.columns;
  return static_cast<int>(count);
}

/// Boxes predicted for an image of `size`: rows of the first output.
constexpr int anchor_count(const network& net, size2 size) {
  return net.outputs.empty() ? 0 : row_count(net, net.outputs[0], size);
}

/// Sizes of the maps that the first output is predicted from.
constexpr std::vector<size2> feature_map_sizes(const network& net, size2 size) {
  const auto all = shapes(net, size);
  std::vector<size2> result;
  if (net.outputs.empty()) return result;
  for (const int number : net.outputs[0].layers) {
    const shape3& map = all[static_cast<std::size_t>(number)];
    result.push_back({map.height, map.width});
  }
  return result;
}
}  // namespace odt
