// SPDX-License-Identifier: MIT
// For other .ipp files of this room: what each kind of layer is in ONNX, in inference.
#pragma once

#include <odt/core/error.hpp>
#include <odt/core/target.hpp>
#include <odt/detectors/inference_graph.hpp>
#include <odt/export/onnx_writer.ipp>

#include <array>
#include <limits>

namespace odt::detail::onnx {

/// How a window meets the border. Where it moves by one pixel, or zeros are added explicitly, their numbers do not
/// depend on the size of the map.
ODT_INLINE std::vector<attribute> window_of(const layer& l) {
  std::vector<attribute> all{ints_attribute("kernel_shape", {l.kernel_height, l.kernel_width}),
                             ints_attribute("strides", {l.stride, l.stride})};
  if (l.border == padding::valid || l.border == padding::shifted) return all;
  if (l.border == padding::same && l.stride > 1) {
    if (l.rate > 1)
      fail("layer ", l.name, ": a stride of ", l.stride, " at a rate of ", l.rate, " cannot be exported to ONNX");
    all.push_back(text_attribute("auto_pad", "SAME_UPPER"));
    return all;
  }
  const int y = (l.kernel_height - 1) * l.rate, x = (l.kernel_width - 1) * l.rate;
  all.push_back(ints_attribute("pads", {y / 2, x / 2, y - y / 2, x - x / 2}));
  return all;
}

ODT_INLINE graph_tensor writer::write_layer(const network& net, int number, std::span<const graph_tensor> written) {
  const layer& l = net[number];
  const auto in = [&](int input) { return written[static_cast<std::size_t>(input)].name; };
  const tensor x = in(l.inputs[0]), second = l.inputs.size() > 1 ? in(l.inputs[1]) : tensor{};
  graph_.enter(l.name);
  switch (l.kind) {
    case layer_kind::convolution:
    case layer_kind::depthwise_convolution:
      return {convolution(net, l, x)};
    case layer_kind::batch_norm: {
      const auto channels = static_cast<std::size_t>(l.channels);
      const auto given_or = [&](int variable, float value) {
        if (variable >= 0) return vector_of(net, variable);
        return graph_.floats("constant", {l.channels}, std::vector(channels, value));
      };
      return {graph_.add("BatchNormalization",
                         {x, given_or(l.variables.gamma, 1), given_or(l.variables.beta, 0),
                          vector_of(net, l.variables.moving_mean), vector_of(net, l.variables.moving_variance)},
                         {float_attribute("epsilon", l.norm.epsilon)})};
    }
    case layer_kind::group_norm:
      return {group_norm(net, l, x)};
    case layer_kind::clamp:
    case layer_kind::activation:
      return {elementwise_of(l, x)};
    case layer_kind::max_pool:
    case layer_kind::average_pool:
      return {pool(l, x)};
    case layer_kind::global_pool:
      return {graph_.add("GlobalAveragePool", {x})};
    case layer_kind::concat: {
      std::vector<tensor> parts;
      for (const int input : l.inputs) parts.push_back(in(input));
      return {graph_.concat(parts, 1)};
    }
    case layer_kind::slice:
      return {graph_.slice(x, 1, l.first, l.channels)};
    case layer_kind::add:
      return {graph_.add("Add", {x, second})};
    case layer_kind::multiply:
      return {graph_.add("Mul", {x, second})};
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

/// A variable of one dimension, as [channels] or in another shape.
ODT_INLINE writer::tensor writer::vector_of(const network& net, int number, const std::vector<std::int64_t>& shape) {
  const variable& v = net.variables[static_cast<std::size_t>(number)];
  std::string name(v.name);
  if (written_.insert(name).second)
    graph_.constant(name, data_type::float32, shape.empty() ? std::vector<std::int64_t>{v.size} : shape,
                    std::as_bytes(values_.at(name)));
  return name;
}

/// From [height, width, in, out] to [out, in, height, width]; depthwise to [in x multiplier, 1, height, width]. Those
/// of a fully connected layer are [in, out].
ODT_INLINE writer::tensor writer::weights_of(const network& net, const layer& l) {
  const variable& v = net.variables[static_cast<std::size_t>(l.variables.weights)];
  std::string name(v.name);
  if (!written_.insert(name).second) return name;
  const bool depthwise = l.kind == layer_kind::depthwise_convolution;
  const std::int64_t taps = std::int64_t{l.kernel_height} * l.kernel_width;
  const std::int64_t in = depthwise ? 1 : net.channels(l.inputs[0]), out = v.size / taps / in;
  const std::span<const float> values = values_.at(name);
  std::vector<float> turned(values.size());
  for (std::int64_t t = 0; t < taps; ++t)
    for (std::int64_t i = 0; i < in; ++i)
      for (std::int64_t o = 0; o < out; ++o)
        turned[static_cast<std::size_t>((o * in + i) * taps + t)] =
            values[static_cast<std::size_t>((t * in + i) * out + o)];
  return graph_.constant(name, data_type::float32, {out, in, l.kernel_height, l.kernel_width},
                         std::as_bytes(std::span(turned)));
}

ODT_INLINE writer::tensor writer::convolution(const network& net, const layer& l, const tensor& x) {
  std::vector<attribute> attributes = window_of(l);
  attributes.push_back(ints_attribute("dilations", {l.rate, l.rate}));
  if (l.kind == layer_kind::depthwise_convolution)
    attributes.push_back(int_attribute("group", net.channels(l.inputs[0])));
  std::vector<tensor> inputs{x, weights_of(net, l)};
  if (l.variables.biases >= 0) inputs.push_back(vector_of(net, l.variables.biases));
  return graph_.add("Conv", inputs, attributes);
}

/// Each group of channels is normalized as an instance of its own.
ODT_INLINE writer::tensor writer::group_norm(const network& net, const layer& l, const tensor& x) {
  const auto groups = static_cast<std::size_t>(l.groups);
  const tensor grouped = graph_.reshape(x, {0, l.groups, -1});
  const tensor normal = graph_.add("InstanceNormalization",
                                   {grouped, graph_.floats("ones", {l.groups}, std::vector(groups, 1.0f)),
                                    graph_.floats("zeros", {l.groups}, std::vector(groups, 0.0f))},
                                   {float_attribute("epsilon", l.norm.epsilon)});
  const tensor whole = graph_.add("Reshape", {normal, graph_.extents(x, 0, 4)});
  const std::vector<std::int64_t> shape{l.channels, 1, 1};
  const tensor scaled = graph_.add("Mul", {whole, vector_of(net, l.variables.gamma, shape)});
  return graph_.add("Add", {scaled, vector_of(net, l.variables.beta, shape)});
}

ODT_INLINE writer::tensor writer::clipped(const tensor& x, float low, float high) {
  constexpr float infinity = std::numeric_limits<float>::infinity();
  if (low == -infinity && high == infinity) return x;
  if (low == 0 && high == infinity) return graph_.add("Relu", {x});
  return graph_.add(
      "Clip", {x, low == -infinity ? tensor{} : graph_.number(low), high == infinity ? tensor{} : graph_.number(high)});
}

ODT_INLINE writer::tensor writer::elementwise_of(const layer& l, const tensor& input) {
  const elementwise& f = l.function;
  tensor x = input;
  switch (f.kind) {
    case activation::none:
      break;
    case activation::relu:
    case activation::relu_6:
      x = clipped(x, lower_bound(f.kind), upper_bound(f.kind));
      break;
    case activation::leaky_relu:
      x = graph_.add("LeakyRelu", {x}, {float_attribute("alpha", f.slope)});
      break;
    case activation::silu:
      x = graph_.add("Mul", {x, graph_.add("Sigmoid", {x})});
      break;
    case activation::hard_sigmoid:
      x = graph_.add("HardSigmoid", {x}, {float_attribute("alpha", 1.0f / 6), float_attribute("beta", 0.5f)});
      break;
    case activation::hard_swish:
      x = graph_.add("HardSwish", {x});
      break;
    case activation::sigmoid:
      x = graph_.add("Sigmoid", {x});
      break;
    case activation::scaled:
      x = graph_.add("Mul", {x, graph_.number(f.slope)});
      break;
  }
  return clipped(x, f.low, f.high);
}

ODT_INLINE writer::tensor writer::pool(const layer& l, const tensor& input) {
  if (l.border == padding::fixed) fail("layer ", l.name, ": explicit padding of a pool cannot be exported to ONNX");
  tensor x = input;
  if (l.border == padding::shifted) x = graph_.add("Pad", {x, graph_.integers({0, 0, -1, -1, 0, 0, 1, 1})});
  return graph_.add(l.kind == layer_kind::max_pool ? "MaxPool" : "AveragePool", {x}, window_of(l));
}

ODT_INLINE writer::tensor writer::upsampled(const layer& l, const tensor& x, const tensor& like) {
  const std::array<float, 4> factors{1, 1, static_cast<float>(l.multiplier), static_cast<float>(l.multiplier)};
  tensor large = graph_.add("Resize", {x, tensor{}, graph_.floats("factors", {4}, factors)},
                            {text_attribute("mode", "nearest"), text_attribute("nearest_mode", "floor"),
                             text_attribute("coordinate_transformation_mode", "asymmetric")});
  if (like.empty()) return large;
  return graph_.add("Slice", {large, graph_.integers({0, 0}), graph_.extents(like, 2, 4), graph_.integers({2, 3})});
}

ODT_INLINE writer::tensor writer::padded(const layer& l, const tensor& x) {
  const tensor missing =
      graph_.add("Mod", {graph_.add("Neg", {graph_.extents(x, 2, 4)}), graph_.integer(l.multiplier)});
  const tensor zeros = graph_.concat({graph_.integers({0, 0, 0, 0, 0, 0}), missing}, 0);
  return graph_.add("Pad", {x, zeros});
}

/// Of boxes [batch, count, 4], or without them the whole map at another size. RoiAlign with one sample a pixel of the
/// crop takes them in the middle of its bins, and they are wanted from border to border: the bins reach half a pixel
/// of the crop further.
ODT_INLINE writer::tensor writer::crops(const layer& l, const tensor& map, const tensor& boxes) {
  if (boxes.empty()) {
    const tensor sizes = graph_.concat({graph_.extents(map, 0, 2), graph_.integers({l.crop.height, l.crop.width})}, 0);
    return graph_.add(
        "Resize", {map, tensor{}, tensor{}, sizes},
        {text_attribute("mode", "linear"), text_attribute("coordinate_transformation_mode", "align_corners")});
  }
  const tensor last = graph_.add("Sub", {graph_.cast(graph_.extents(map, 2, 4), data_type::float32), graph_.number(1)});
  const tensor flat = graph_.reshape(boxes, {-1, 4});
  const tensor begin = graph_.slice(flat, 1, 0, 2), extent = graph_.add("Sub", {graph_.slice(flat, 1, 2, 2), begin});
  const std::array<float, 2> steps{static_cast<float>(l.crop.height - 1), static_cast<float>(l.crop.width - 1)};
  const tensor first = graph_.add("Mul", {begin, last});
  const tensor step = graph_.add("Div", {graph_.add("Mul", {extent, last}), graph_.floats("steps", {2}, steps)});
  const tensor half = graph_.add("Mul", {step, graph_.number(0.5f)});
  const tensor behind = graph_.add("Add", {first, graph_.add("Mul", {extent, last})});
  // RoiAlign's half_pixel mode subtracts half a pixel of the map.
  const auto moved = [&](const tensor& corner) { return graph_.add("Add", {corner, graph_.number(0.5f)}); };
  const tensor from = moved(graph_.add("Sub", {first, half})), to = moved(graph_.add("Add", {behind, half}));
  const auto swapped = [&](const tensor& yx) {
    return graph_.concat({graph_.slice(yx, 1, 1, 1), graph_.slice(yx, 1, 0, 1)}, 1);
  };
  const tensor regions = graph_.concat({swapped(from), swapped(to)}, 1);
  const tensor batch = graph_.extents(boxes, 0, 1), count = graph_.extents(boxes, 1, 2);
  const tensor every = graph_.add("Range", {graph_.integer(0), graph_.add("Squeeze", {batch}), graph_.integer(1)});
  const tensor repeated = graph_.add("Expand", {graph_.reshape(every, {-1, 1}), graph_.concat({batch, count}, 0)});
  const tensor crop =
      graph_.add("RoiAlign", {map, regions, graph_.reshape(repeated, {-1})},
                 {text_attribute("coordinate_transformation_mode", "half_pixel"), text_attribute("mode", "avg"),
                  int_attribute("output_height", l.crop.height), int_attribute("output_width", l.crop.width),
                  int_attribute("sampling_ratio", 1), float_attribute("spatial_scale", 1)});
  // What rounding leads outside of the map is 0 in TensorFlow.
  const auto inside = [&](int axis, int samples, const std::vector<std::int64_t>& shape) {
    std::vector<float> numbers;
    for (int i = 0; i < samples; ++i) numbers.push_back(static_cast<float>(i));
    const tensor at = graph_.add(
        "Add", {graph_.slice(first, 1, axis, 1),
                graph_.add("Mul", {graph_.slice(step, 1, axis, 1), graph_.floats("samples", {samples}, numbers)})});
    const tensor within = graph_.add("And", {graph_.add("GreaterOrEqual", {at, graph_.number(0)}),
                                             graph_.add("LessOrEqual", {at, graph_.slice(last, 0, axis, 1)})});
    return graph_.reshape(graph_.cast(within, data_type::float32), shape);
  };
  const tensor rows = inside(0, l.crop.height, {-1, 1, l.crop.height, 1});
  return graph_.add("Mul", {graph_.add("Mul", {crop, rows}), inside(1, l.crop.width, {-1, 1, 1, l.crop.width})});
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
      const tensor own = graph_.slice(map, 1, bin * l.channels, l.channels);
      const tensor crop = crops(part, own, boxes_of_bin(*this, b, l.bins, y, x).name);
      sum = bin == 0 ? crop : graph_.add("Add", {sum, crop});
    }
  const tensor mean = graph_.add("Mul", {sum, graph_.number(1.0f / static_cast<float>(bin))});
  return graph_.add("ReduceMean", {mean}, {ints_attribute("axes", {2, 3}), int_attribute("keepdims", 1)});
}

}  // namespace odt::detail::onnx
