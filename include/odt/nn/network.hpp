// SPDX-License-Identifier: MIT
// A network as a value: a list of layers in the order in which TensorFlow runs them. From it come, at compile time or
// at run time, the shapes, the variables, the multiply-adds and (nn/lower.hpp) the memory of a train step.
#pragma once

#include <odt/nn/layer.hpp>
#include <odt/nn/variables.hpp>

#include <cstdint>
#include <initializer_list>
#include <string_view>
#include <utility>
#include <vector>

namespace odt {

/// When an output is wanted.
enum class output_use : std::uint8_t { always, in_training, in_inference };

/// What a network gives: a tensor [batch, rows, columns] of floats. Each pixel of each of its layers, in order, is one
/// row after another.
struct network_output {
  graph_name name{};  ///< the API's, e.g. "box_encodings"
  int columns = 0;
  std::vector<int> layers{};
  output_use use = output_use::always;

  constexpr bool wanted(run_mode mode) const {
    return use == output_use::always || (use == output_use::in_training) == (mode == run_mode::train);
  }
};

/// Layers, with layer 0 the input, and their variables. Builders add to it and return the new layer's number.
struct network {
  std::vector<layer> layers;
  std::vector<variable> variables;  ///< in TensorFlow's order of creation, without offsets
  std::vector<network_output> outputs;

  constexpr network() { layers.push_back({.name = "input", .channels = 3}); }

  constexpr int add(layer&& l) {
    layers.push_back(std::move(l));
    return size() - 1;
  }

  /// Adds a variable (its name without ":0") and returns its number.
  constexpr int add_variable(graph_name name, std::vector<int> shape, const initializer& init,
                             const regularizer& penalty = {}, bool trainable = true) {
    std::int64_t floats = 1;
    for (const int extent : shape) floats *= extent;
    variables.push_back({.name = std::move(name),
                         .shape = std::move(shape),
                         .size = floats,
                         .init = init,
                         .penalty = penalty,
                         .trainable = trainable});
    return static_cast<int>(variables.size()) - 1;
  }

  constexpr int size() const { return static_cast<int>(layers.size()); }
  constexpr const layer& operator[](int number) const { return layers[static_cast<std::size_t>(number)]; }
  constexpr int channels(int number) const { return (*this)[number].channels; }

  /// Concatenates feature maps of equal size along the channels.
  constexpr int concat(const graph_name& name, std::initializer_list<int> branches) {
    layer l{.kind = layer_kind::concat, .name = name};
    if (branches.size() > l.inputs.capacity())
      fail("layer ", name, ": joins ", branches.size(), " layers; ", l.inputs.capacity(),
           " are supported, and concats ", "of concats");
    for (const int branch : branches) {
      l.inputs.push_back(branch);
      l.channels += channels(branch);
    }
    return add(std::move(l));
  }

  /// Channels [first, first + count) of a layer.
  constexpr int slice(int input, int first, int count, const graph_name& name) {
    if (first < 0 || count < 1 || first + count > channels(input))
      fail("layer ", name, ": channels ", first, " to ", first + count, " of ", channels(input),
           ", which are not there");
    return add({.kind = layer_kind::slice, .name = name, .inputs = {input}, .channels = count, .first = first});
  }

  constexpr int pool(layer_kind kind, int input, const graph_name& name, int kernel, int stride, padding border) {
    return add({.kind = kind,
                .name = name,
                .inputs = {input},
                .channels = channels(input),
                .kernel_height = kernel,
                .kernel_width = kernel,
                .stride = stride,
                .border = border});
  }

  constexpr int global_pool(int input, const graph_name& name) {
    return add({.kind = layer_kind::global_pool, .name = name, .inputs = {input}, .channels = channels(input)});
  }

  /// The sum of two layers of equal extents.
  constexpr int sum(int a, int b, const graph_name& name) {
    return add({.kind = layer_kind::add, .name = name, .inputs = {a, b}, .channels = channels(a)});
  }

  /// The product of two layers; b may have one pixel an image (a scale a channel).
  constexpr int multiply(int a, int b, const graph_name& name) {
    return add({.kind = layer_kind::multiply, .name = name, .inputs = {a, b}, .channels = channels(a)});
  }

  /// Every row and column `factor` times; cut at the bottom and right to the size of `like`, where that is given.
  constexpr int upsample(int input, int factor, const graph_name& name, int like = -1) {
    return add({.kind = layer_kind::upsample,
                .name = name,
                .inputs = {input},
                .channels = channels(input),
                .multiplier = factor,
                .like = like});
  }

  constexpr int activate(int input, activation act, const graph_name& name) {
    if (act == activation::none) return input;
    if (is_clamp(act)) return clip(input, lower_bound(act), upper_bound(act), name);
    return add({.kind = layer_kind::activation,
                .name = name,
                .inputs = {input},
                .channels = channels(input),
                .function = {.kind = act}});
  }

  /// Values times a factor; a factor of 1 adds no layer.
  constexpr int scale(int input, float factor, const graph_name& name) {
    if (factor == 1) return input;
    return add({.kind = layer_kind::activation,
                .name = name,
                .inputs = {input},
                .channels = channels(input),
                .function = {.kind = activation::scaled, .slope = factor}});
  }

  /// Values cut to [low, high]; the gradient is 0 outside.
  constexpr int clip(int input, float low, float high, const graph_name& name) {
    return add({.kind = layer_kind::clamp,
                .name = name,
                .inputs = {input},
                .channels = channels(input),
                .function = {.low = low, .high = high}});
  }

  /// Boxes that the detector chooses once `inputs` are computed, normalized ymin, xmin, ymax, xmax.
  constexpr int regions(std::initializer_list<int> inputs, region_capacity capacity, const graph_name& name) {
    return add({.kind = layer_kind::regions, .name = name, .inputs = inputs, .channels = 4, .capacity = capacity});
  }

  /// Bilinear crops of a map at boxes (tf.image.crop_and_resize).
  constexpr int crop_and_resize(int map, int boxes, size2 crop, const graph_name& name) {
    return add({.kind = layer_kind::crop_and_resize,
                .name = name,
                .inputs = {map, boxes},
                .channels = channels(map),
                .crop = crop});
  }

  /// Another size, bilinear, corner on corner (tf.image.resize_bilinear with align_corners).
  constexpr int resize(int map, size2 size, const graph_name& name) {
    return add(
        {.kind = layer_kind::crop_and_resize, .name = name, .inputs = {map}, .channels = channels(map), .crop = size});
  }

  /// Crops whose bins read channels of their own, and their mean over all bins and pixels (R-FCN, arXiv:1605.06409).
  constexpr int position_sensitive_crop(int map, int boxes, size2 crop, size2 bins, const graph_name& name) {
    const int count = bins.height * bins.width;
    if (count < 1 || channels(map) % count != 0 || crop.height % bins.height != 0 || crop.width % bins.width != 0)
      fail("layer ", name, ": crops of ", crop.height, "x", crop.width, " of ", channels(map), " channels make no ",
           bins.height, "x", bins.width, " bins; these have to divide the crop, and their number the channels");
    return add({.kind = layer_kind::position_sensitive_crop,
                .name = name,
                .inputs = {map, boxes},
                .channels = channels(map) / count,
                .crop = crop,
                .bins = bins});
  }

  /// The layers [first, last) again, of the same variables, over `to` where they read `from`; returns by how much their
  /// numbers are higher. As in TensorFlow their outermost scopes are told apart by a number.
  constexpr int repeat(int first, int last, int from, int to) {
    const int shift = size() - first;
    for (int number = first; number < last; ++number) {
      layer l = (*this)[number];
      const std::string_view name = l.name, scope = name.substr(0, name.find('/'));
      l.name = repeated(scope, 1) + name.substr(scope.size());
      for (int& input : l.inputs) input = input == from ? to : input >= first ? input + shift : input;
      if (l.like >= first) l.like += shift;
      add(std::move(l));
    }
    return shift;
  }

  /// Zeros at the bottom and right until both sides are multiples.
  constexpr int pad_to_multiple(int input, int multiple) {
    if (multiple == 1) return input;
    return add({.kind = layer_kind::pad,
                .name = "pad_to_multiple",
                .inputs = {input},
                .channels = channels(input),
                .multiplier = multiple});
  }
};

/// Floats of a layer's trainable variables.
constexpr std::int64_t trainable_floats(const network& net, int layer) {
  std::int64_t floats = 0;
  for (const int number : net[layer].variables.all())
    if (number >= 0 && net.variables[static_cast<std::size_t>(number)].trainable)
      floats += net.variables[static_cast<std::size_t>(number)].size;
  return floats;
}

/// Trainable numbers.
constexpr std::int64_t parameter_count(const network& net) {
  std::int64_t count = 0;
  for (const variable& v : net.variables)
    if (v.trainable) count += v.size;
  return count;
}

}  // namespace odt
