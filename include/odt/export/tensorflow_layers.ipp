// SPDX-License-Identifier: MIT
// For other .ipp files of this room: what each kind of layer is in TensorFlow, in inference.
#pragma once

#include <odt/core/error.hpp>
#include <odt/core/target.hpp>
#include <odt/detectors/inference_graph.hpp>
#include <odt/export/tensorflow_writer.ipp>

#include <array>
#include <limits>

namespace odt::detail::tensorflow {

/// "a/b" of "a/b/c".
ODT_INLINE std::string scope_of(std::string_view name) {
  const auto slash = name.rfind('/');
  return std::string(name.substr(0, slash == std::string_view::npos ? 0 : slash));
}

/// "c" of "a/b/c".
ODT_INLINE std::string last_of(std::string_view name) { return std::string(name.substr(name.rfind('/') + 1)); }

ODT_INLINE std::vector<int> spatial(int height, int width) { return {1, height, width, 1}; }

ODT_INLINE std::string_view padding_of(const layer& l) { return l.border == padding::same ? "SAME" : "VALID"; }

/// Zeros that explicit padding puts before and behind an axis.
ODT_INLINE std::array<int, 2> explicit_padding(int kernel, int rate) {
  const int total = (kernel - 1) * rate;
  return {total / 2, total - total / 2};
}

ODT_INLINE graph_tensor writer::write_layer(const network& net, int number, std::span<const graph_tensor> written) {
  const layer& l = net[number];
  const auto in = [&](int input) { return written[static_cast<std::size_t>(input)].name; };
  const tensor x = in(l.inputs[0]), second = l.inputs.size() > 1 ? in(l.inputs[1]) : tensor{};
  graph_.enter(scope_of(l.name));
  switch (l.kind) {
    case layer_kind::convolution:
    case layer_kind::depthwise_convolution:
      return {convolution(net, l, x)};
    case layer_kind::batch_norm:
      return {batch_norm(net, l, x)};
    case layer_kind::group_norm:
      return {group_norm(net, l, x)};
    case layer_kind::clamp:
    case layer_kind::activation:
      return {elementwise_of(l, x)};
    case layer_kind::max_pool:
    case layer_kind::average_pool:
      return {pool(l, x)};
    case layer_kind::global_pool:
      return {graph_.add("Mean", last_of(l.name), {x, graph_.integers(last_of(l.name) + "/reduction_indices", {1, 2})},
                         {type_attribute("T", float_type), type_attribute("Tidx", element_type::int32),
                          attribute("keep_dims", true)})};
    case layer_kind::concat: {
      std::vector<tensor> parts;
      for (const int input : l.inputs) parts.push_back(in(input));
      const int count = static_cast<int>(parts.size());
      parts.push_back(graph_.scalar(last_of(l.name) + "/axis", 3));
      return {graph_.add(
          "ConcatV2", last_of(l.name), parts,
          {type_attribute("T", float_type), type_attribute("Tidx", element_type::int32), attribute("N", count)})};
    }
    case layer_kind::slice:
      return {graph_.slice_last(x, 4, l.first, l.channels)};
    case layer_kind::add:
      return {graph_.add("AddV2", last_of(l.name), {x, second}, {type_attribute("T", float_type)})};
    case layer_kind::multiply:
      return {graph_.add("Mul", last_of(l.name), {x, second}, {type_attribute("T", float_type)})};
    case layer_kind::upsample:
      return {upsampled(l, x, l.like < 0 ? tensor{} : in(l.like))};
    case layer_kind::dropout:
      return {x};
    case layer_kind::pad:
      return {padded(l, x)};
    case layer_kind::crop_and_resize:
      return {crops(l, x, second)};
    case layer_kind::position_sensitive_crop:
      return {position_sensitive_crops(l, x, second)};
    case layer_kind::input:
    case layer_kind::regions:
      break;
  }
  fail("layer ", l.name, ": the detector has to write it");
}

/// With as many zeros before and behind each axis.
ODT_INLINE writer::tensor writer::padded_by(const tensor& x, const std::array<std::int32_t, 8>& zeros) {
  return graph_.add("Pad", "Pad", {x, graph_.constant("Pad/paddings", {4, 2}, std::span<const std::int32_t>(zeros))},
                    {type_attribute("T", float_type), type_attribute("Tpaddings", element_type::int32)});
}

ODT_INLINE writer::tensor writer::convolution(const network& net, const layer& l, const tensor& input) {
  const bool depthwise = l.kind == layer_kind::depthwise_convolution;
  tensor x = input;
  if (l.border == padding::fixed && (l.kernel_height > 1 || l.kernel_width > 1)) {
    const auto [top, bottom] = explicit_padding(l.kernel_height, l.rate);
    const auto [left, right] = explicit_padding(l.kernel_width, l.rate);
    x = padded_by(x, {0, 0, top, bottom, left, right, 0, 0});
  }
  const bool biased = l.variables.biases >= 0;
  const std::string own = last_of(l.name);
  const std::string name = own == "BiasAdd" ? (depthwise ? "depthwise" : "Conv2D") : own;
  tensor weights = variable_of(net, l.variables.weights);
  if (net.variables[static_cast<std::size_t>(l.variables.weights)].shape.size() == 2)  // fully connected
    weights = graph_.reshape(weights, {1, 1, net.channels(l.inputs[0]), l.channels});
  x = graph_.add(depthwise ? "DepthwiseConv2dNative" : "Conv2D", name, {x, weights},
                 {type_attribute("T", float_type), ints_attribute("strides", spatial(l.stride, l.stride)),
                  string_attribute("padding", padding_of(l)), string_attribute("data_format", "NHWC"),
                  ints_attribute("dilations", spatial(l.rate, l.rate))});
  if (!biased) return x;
  const tensor biases = variable_of(net, l.variables.biases);
  return graph_.add("BiasAdd", "BiasAdd", {x, biases},
                    {type_attribute("T", float_type), string_attribute("data_format", "NHWC")});
}

ODT_INLINE writer::tensor writer::batch_norm(const network& net, const layer& l, const tensor& x) {
  const auto channels = static_cast<std::size_t>(l.channels);
  const auto given_or = [&](int number, const char* name, float value) {
    return number >= 0 ? variable_of(net, number)
                       : graph_.constant(name, {l.channels}, std::span<const float>(std::vector(channels, value)));
  };
  const tensor gamma = given_or(l.variables.gamma, "Const", 1), beta = given_or(l.variables.beta, "Const", 0);
  return graph_.add(
      "FusedBatchNormV3", last_of(l.name),
      {x, gamma, beta, variable_of(net, l.variables.moving_mean), variable_of(net, l.variables.moving_variance)},
      {type_attribute("T", float_type), type_attribute("U", float_type), float_attribute("epsilon", l.norm.epsilon),
       attribute("is_training", false), string_attribute("data_format", "NHWC")});
}

/// Each group of channels is normalized by its mean and variance over the pixels.
ODT_INLINE writer::tensor writer::group_norm(const network& net, const layer& l, const tensor& x) {
  graph_.enter(l.name);
  const std::initializer_list<graph_attribute> floats{type_attribute("T", float_type)};
  const std::initializer_list<graph_attribute> reduction{
      type_attribute("T", float_type), type_attribute("Tidx", element_type::int32), attribute("keep_dims", true)};
  const tensor batch = graph_.extent(x, float_type, 0), height = graph_.extent(x, float_type, 1),
               width = graph_.extent(x, float_type, 2);
  const tensor grouped = graph_.reshape(x, {batch, height, width, l.groups, l.channels / l.groups});
  const tensor axes = graph_.integers("axes", {1, 2, 4});
  const tensor mean = graph_.add("Mean", "mean", {grouped, axes}, reduction);
  const tensor distance = graph_.add("Sub", "sub", {grouped, mean}, floats);
  const tensor variance =
      graph_.add("Mean", "variance", {graph_.add("Square", "Square", {distance}, floats), axes}, reduction);
  const tensor safe = graph_.add("AddV2", "add", {variance, graph_.scalar("add/y", l.norm.epsilon)}, floats);
  const tensor scaled = graph_.add("Mul", "mul", {distance, graph_.add("Rsqrt", "Rsqrt", {safe}, floats)}, floats);
  const tensor flat = graph_.reshape(scaled, {batch, height, width, l.channels});
  const tensor with_gamma = graph_.add("Mul", "mul", {flat, variable_of(net, l.variables.gamma)}, floats);
  return graph_.add("AddV2", "add", {with_gamma, variable_of(net, l.variables.beta)}, floats);
}

ODT_INLINE writer::tensor writer::elementwise_of(const layer& l, const tensor& input) {
  const std::initializer_list<graph_attribute> floats{type_attribute("T", float_type)};
  const std::string name = last_of(l.name);
  const elementwise& f = l.function;
  const auto with = [&](const char* op, const std::string& result, const tensor& x, float number) {
    return graph_.add(op, result, {x, graph_.scalar(result + "/y", number)}, floats);
  };
  const auto hard_sigmoid = [&](const tensor& x) {
    return with("Mul", name + "/mul",
                graph_.add("Relu6", name + "/Relu6", {with("AddV2", name + "/add", x, 3)}, floats), 1.0f / 6);
  };
  tensor x = input;
  switch (f.kind) {
    case activation::none:
      break;
    case activation::relu:
      x = graph_.add("Relu", name, {x}, floats);
      break;
    case activation::relu_6:
      x = graph_.add("Relu6", name, {x}, floats);
      break;
    case activation::leaky_relu:
      x = graph_.add("LeakyRelu", name, {x}, {type_attribute("T", float_type), float_attribute("alpha", f.slope)});
      break;
    case activation::silu:
      x = graph_.add("Mul", name, {x, graph_.add("Sigmoid", name + "/Sigmoid", {x}, floats)}, floats);
      break;
    case activation::hard_sigmoid:
      x = hard_sigmoid(x);
      break;
    case activation::hard_swish:
      x = graph_.add("Mul", name, {x, hard_sigmoid(x)}, floats);
      break;
    case activation::sigmoid:
      x = graph_.add("Sigmoid", name, {x}, floats);
      break;
    case activation::scaled:
      x = with("Mul", name, x, f.slope);
      break;
  }
  constexpr float infinity = std::numeric_limits<float>::infinity();
  if (f.low == 0 && f.high == infinity) return graph_.add("Relu", name, {x}, floats);
  if (f.low == 0 && f.high == 6) return graph_.add("Relu6", name, {x}, floats);
  if (f.high != infinity) x = with("Minimum", name + "/Minimum", x, f.high);
  if (f.low != -infinity) x = with("Maximum", name + "/Maximum", x, f.low);
  return x;
}

ODT_INLINE writer::tensor writer::pool(const layer& l, const tensor& input) {
  if (l.border == padding::fixed)
    fail("layer ", l.name, ": explicit padding of a pool cannot be exported to TensorFlow");
  tensor x = input;
  if (l.border == padding::shifted) {
    x = padded_by(x, {0, 0, 0, 1, 0, 1, 0, 0});
    x = graph_.add("Slice", "Slice",
                   {x, graph_.integers("Slice/begin", {0, 1, 1, 0}), graph_.integers("Slice/size", {-1, -1, -1, -1})},
                   {type_attribute("T", float_type), type_attribute("Index", element_type::int32)});
  }
  return graph_.add(l.kind == layer_kind::max_pool ? "MaxPool" : "AvgPool", last_of(l.name), {x},
                    {type_attribute("T", float_type), ints_attribute("ksize", spatial(l.kernel_height, l.kernel_width)),
                     ints_attribute("strides", spatial(l.stride, l.stride)), string_attribute("padding", padding_of(l)),
                     string_attribute("data_format", "NHWC")});
}

ODT_INLINE writer::tensor writer::upsampled(const layer& l, const tensor& x, const tensor& like) {
  graph_.enter(l.name);
  const auto larger = [&](int axis) {
    return graph_.add("Mul", "mul", {graph_.extent(x, float_type, axis), graph_.scalar("mul/y", l.multiplier)},
                      {type_attribute("T", element_type::int32)});
  };
  const tensor size = graph_.pack("size", {larger(1), larger(2)});
  tensor large = graph_.add(
      "ResizeNearestNeighbor", "ResizeNearestNeighbor", {x, size},
      {type_attribute("T", float_type), attribute("align_corners", false), attribute("half_pixel_centers", false)});
  if (like.empty()) return large;
  const tensor whole = graph_.scalar("whole", -1);
  const tensor extents =
      graph_.pack("extents", {whole, graph_.extent(like, float_type, 1), graph_.extent(like, float_type, 2), whole});
  return graph_.add("Slice", "Slice", {large, graph_.integers("begin", {0, 0, 0, 0}), extents},
                    {type_attribute("T", float_type), type_attribute("Index", element_type::int32)});
}

ODT_INLINE writer::tensor writer::padded(const layer& l, const tensor& x) {
  const std::initializer_list<graph_attribute> ints{type_attribute("T", element_type::int32)};
  graph_.enter(l.name);
  const tensor multiple = graph_.scalar("multiple", l.multiplier);
  const auto missing = [&](int axis) {
    const tensor negative = graph_.add("Neg", "Neg", {graph_.extent(x, float_type, axis)}, ints);
    return graph_.add("FloorMod", "FloorMod", {negative, multiple}, ints);
  };
  return graph_.add("Pad", "Pad", {x, graph_.paddings(missing(1), missing(2))},
                    {type_attribute("T", float_type), type_attribute("Tpaddings", element_type::int32)});
}

/// Of boxes [batch, count, 4], or without them the whole map at another size.
ODT_INLINE writer::tensor writer::crops(const layer& l, const tensor& map, const tensor& boxes) {
  const tensor size = graph_.integers(last_of(l.name) + "/size", {l.crop.height, l.crop.width});
  if (boxes.empty())
    return graph_.add("ResizeBilinear", last_of(l.name), {map, size},
                      {type_attribute("T", float_type), attribute("align_corners", true)});
  const tensor batch = graph_.extent(boxes, float_type, 0), count = graph_.extent(boxes, float_type, 1);
  const tensor every =
      graph_.add("Range", "range", {graph_.scalar("range/start", 0), batch, graph_.scalar("range/delta", 1)},
                 {type_attribute("Tidx", element_type::int32)});
  const tensor column = graph_.reshape(every, {batch, 1}, element_type::int32);
  const tensor repeated =
      graph_.add("Tile", "Tile", {column, graph_.pack("multiples", {graph_.scalar("one", 1), count})},
                 {type_attribute("T", element_type::int32), type_attribute("Tmultiples", element_type::int32)});
  const tensor image_of = graph_.reshape(repeated, {-1}, element_type::int32);
  return graph_.add("CropAndResize", last_of(l.name), {map, graph_.reshape(boxes, {-1, 4}), image_of, size},
                    {type_attribute("T", float_type), string_attribute("method", "bilinear"),
                     float_attribute("extrapolation_value", 0)});
}

/// Each bin crops channels of its own at its part of the boxes; the mean over bins and pixels.
ODT_INLINE writer::tensor writer::position_sensitive_crops(const layer& l, const tensor& map, const tensor& boxes) {
  layer part = l;
  part.crop = {l.crop.height / l.bins.height, l.crop.width / l.bins.width};
  const box<graph_scalar> b = graph_box(*this, {boxes});
  tensor sum;
  int bin = 0;
  for (int y = 0; y < l.bins.height; ++y)
    for (int x = 0; x < l.bins.width; ++x, ++bin) {
      const tensor own = graph_.slice_last(map, 4, bin * l.channels, l.channels);
      const tensor crop = crops(part, own, boxes_of_bin(*this, b, l.bins, y, x).name);
      sum = bin == 0 ? crop : graph_.add("AddV2", "add", {sum, crop}, {type_attribute("T", float_type)});
    }
  const tensor mean = graph_.add("Mul", "mul", {sum, graph_.scalar("mul/y", 1.0f / static_cast<float>(bin))},
                                 {type_attribute("T", float_type)});
  return graph_.add(
      "Mean", last_of(l.name), {mean, graph_.integers(last_of(l.name) + "/reduction_indices", {1, 2})},
      {type_attribute("T", float_type), type_attribute("Tidx", element_type::int32), attribute("keep_dims", true)});
}

}  // namespace odt::detail::tensorflow
