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

/// Height, width and channels of a layer's output for one picture; behind crops it is several images.
struct shape3 {
  int height = 0;
  int width = 0;
  int channels = 0;
  int images = 1;

  constexpr std::int64_t size() const { return std::int64_t{images} * height * width * channels; }
  friend constexpr bool operator==(const shape3&, const shape3&) = default;
};

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

/// The geometry of one convolution and what it is called.
struct convolution_spec {
  graph_name scope{};      ///< of the variables
  graph_name operation{};  ///< scope of the operations; empty: the same
  int channels = 0;
  int kernel = 1;
  int stride = 1;
  padding border = padding::same;
  int rate = 1;
  int kernel_width = 0;  ///< 0: as the height, which `kernel` is

  constexpr int width() const { return kernel_width > 0 ? kernel_width : kernel; }
  constexpr const graph_name& op() const { return operation.empty() ? scope : operation; }
};

/// Adds the variables of a batch norm.
constexpr layer_variables batch_norm_variables(network& net, const graph_name& scope, int channels,
                                               const batch_norm_options& norm) {
  layer_variables v;
  const auto add = [&](const char* name, float value, bool trainable) {
    return net.add_variable(scope + name, {channels}, initializer::constant(value), {}, trainable);
  };
  if (norm.scale) v.gamma = add("/gamma", 1, true);
  if (norm.center) v.beta = add("/beta", 0, true);
  v.moving_mean = add("/moving_mean", 0, false);
  v.moving_variance = add("/moving_variance", 1, false);
  return v;
}

/// Adds a group norm.
constexpr int normalize_groups(network& net, int x, const graph_name& name, const graph_name& scope,
                               const group_norm_options& norm) {
  const int channels = net.channels(x);
  if (channels % norm.groups != 0)
    fail("layer ", name, ": group_norm makes ", norm.groups, " groups, which do not divide its ", channels,
         " channels");
  layer_variables v;
  v.gamma = net.add_variable(scope + "/gamma", {channels}, initializer::constant(1));
  v.beta = net.add_variable(scope + "/beta", {channels}, initializer::constant(0));
  return net.add({.kind = layer_kind::group_norm,
                  .name = name,
                  .inputs = {x},
                  .channels = channels,
                  .variables = v,
                  .norm = {.epsilon = norm.epsilon},
                  .groups = norm.groups});
}

/// What TensorFlow's operation of an activation is called behind a scope.
constexpr std::string_view operation_of(activation act) {
  switch (act) {
    case activation::relu:
      return "/Relu";
    case activation::relu_6:
      return "/Relu6";
    case activation::leaky_relu:
      return "/LeakyRelu";
    case activation::silu:
      return "/swish";
    case activation::hard_sigmoid:
      return "/hard_sigmoid";
    case activation::hard_swish:
      return "/hard_swish";
    case activation::sigmoid:
      return "/Sigmoid";
    case activation::scaled:
      return "/mul";
    case activation::none:
      break;
  }
  return "";
}

/// Adds norm and activation of a convolution, as its hyperparams say.
constexpr int normalize_and_activate(network& net, int x, const convolution_spec& spec, const hyperparams& h) {
  if (h.has_batch_norm)
    x = net.add({.kind = layer_kind::batch_norm,
                 .name = spec.op() + "/BatchNorm/FusedBatchNormV3",
                 .inputs = {x},
                 .channels = net.channels(x),
                 .variables = batch_norm_variables(net, spec.scope + "/BatchNorm", net.channels(x), h.norm),
                 .norm = h.norm});
  if (h.has_group_norm) x = normalize_groups(net, x, spec.op() + "/GroupNorm", spec.scope + "/GroupNorm", {});
  return net.activate(x, h.act, spec.op() + graph_name(operation_of(h.act)));
}

/// Adds a convolution's biases, all of one value.
constexpr int add_biases(network& net, const graph_name& scope, int channels, float value = 0) {
  return net.add_variable(scope + "/biases", {channels}, initializer::constant(value));
}

/// Adds the variables of a convolution: [kernel, width, inputs, outputs] weights, and biases where no norm follows.
constexpr layer_variables convolution_variables(network& net, const graph_name& weights, const convolution_spec& spec,
                                                int inputs, int outputs, int channels, const hyperparams& h) {
  layer_variables v;
  v.weights = net.add_variable(weights, {spec.kernel, spec.width(), inputs, outputs}, h.weights, h.penalty);
  if (!h.normalizes()) v.biases = add_biases(net, spec.scope, channels);
  return v;
}

/// Adds a dense convolution with its normalization and activation.
constexpr int convolve(network& net, int x, const convolution_spec& spec, const hyperparams& h) {
  x = net.add({.kind = layer_kind::convolution,
               .name = spec.op() + "/Conv2D",
               .inputs = {x},
               .channels = spec.channels,
               .kernel_height = spec.kernel,
               .kernel_width = spec.width(),
               .stride = spec.stride,
               .rate = spec.rate,
               .border = spec.border,
               .variables = convolution_variables(net, spec.scope + "/weights", spec, net.channels(x), spec.channels,
                                                  spec.channels, h)});
  return normalize_and_activate(net, x, spec, h);
}

/// Adds a depthwise convolution with its normalization and activation.
constexpr int convolve_depthwise(network& net, int x, const convolution_spec& spec, const hyperparams& h) {
  x = net.add({.kind = layer_kind::depthwise_convolution,
               .name = spec.op() + "/depthwise",
               .inputs = {x},
               .channels = net.channels(x),
               .kernel_height = spec.kernel,
               .kernel_width = spec.width(),
               .stride = spec.stride,
               .rate = spec.rate,
               .border = spec.border,
               .variables = convolution_variables(net, spec.scope + "/depthwise_weights", spec, net.channels(x), 1,
                                                  net.channels(x), h)});
  return normalize_and_activate(net, x, spec, h);
}

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
  std::vector<char> used(static_cast<std::size_t>(net.size()), net.outputs.empty());  // NOLINT(*-narrowing-conversions)
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
