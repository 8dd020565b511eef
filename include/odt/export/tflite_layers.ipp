// SPDX-License-Identifier: MIT
// For other .ipp files of this room: what each kind of layer is in TFLite, in inference.
#pragma once

#include <odt/core/error.hpp>
#include <odt/core/target.hpp>
#include <odt/export/tflite_convolution.ipp>
#include <odt/export/tflite_writer.ipp>

#include <limits>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace odt::detail::tflite {

inline constexpr float infinity = std::numeric_limits<float>::infinity();

/// The clamp that an operation does at its end, if it is one of TFLite's.
ODT_INLINE std::optional<fused_activation> fused(const elementwise& f) {
  if (f.kind != activation::none) return {};
  if (f.low == 0 && f.high == infinity) return fused_activation::relu;
  if (f.low == 0 && f.high == 6) return fused_activation::relu6;
  if (f.low == -1 && f.high == 1) return fused_activation::relu_n1_to_1;
  return {};
}

/// Who reads which layer, and what shapes they have.
ODT_INLINE void writer::follow(const network& net) {
  if (!shapes_.empty()) return;
  shapes_ = odt::shapes(net, size_);
  std::vector<int> readers(shapes_.size(), 0);
  only_reader_.assign(shapes_.size(), -1);
  const auto read = [&](int layer, int by) {
    const auto i = static_cast<std::size_t>(layer);
    only_reader_[i] = readers[i]++ == 0 ? by : -1;
  };
  for (int i = 1; i < net.size(); ++i)
    for (const int input : net[i].inputs) read(input, i);
  for (const network_output& output : net.outputs)
    for (const int number : output.layers) read(number, -1);
}

ODT_INLINE writer::tail writer::tail_of(const network& net, int number, bool with_norm) {
  tail t{.name = std::string(net[number].name)};
  int last = number;
  const auto next = [&] { return only_reader_[static_cast<std::size_t>(last)]; };
  const auto absorb = [&] {
    last = next();
    absorbed_.insert(last);
    t.name = std::string(net[last].name);
  };
  if (with_norm && next() >= 0 && net[next()].kind == layer_kind::batch_norm) {
    absorb();
    t.norm = &net[last];
  }
  if (next() >= 0 && net[next()].kind == layer_kind::clamp)
    if (const auto act = fused(net[next()].function)) {
      absorb();
      t.act = *act;
    }
  return t;
}

ODT_INLINE std::vector<int> writer::shape_of(int number) const {
  const shape3& s = shapes_[static_cast<std::size_t>(number)];
  return {1, s.height, s.width, s.channels};
}

ODT_INLINE graph_tensor writer::write_layer(const network& net, int number, std::span<const graph_tensor> written) {
  follow(net);
  const layer& l = net[number];
  const auto in = [&](int input) { return written[static_cast<std::size_t>(input)].name; };
  const tensor x = in(l.inputs[0]);
  const std::vector<int> shape = shape_of(number);
  if (absorbed_.contains(number)) return {x};
  graph_.enter("");
  switch (l.kind) {
    case layer_kind::convolution:
    case layer_kind::depthwise_convolution:
      return {convolution(net, number, x)};
    case layer_kind::batch_norm:
      return {batch_norm(net, number, x)};
    case layer_kind::group_norm:
      return {group_norm(net, number, x)};
    case layer_kind::clamp:
    case layer_kind::activation:
      return {elementwise_of(l, x)};
    case layer_kind::max_pool:
    case layer_kind::average_pool:
      return {pool(l, x, shape)};
    case layer_kind::global_pool:
      return {graph_.add(ops::mean, l.name, {x, graph_.integers(str(l.name, "/axes"), {1, 2})}, shape, {{0, true}})};
    case layer_kind::concat: {
      std::vector<tensor> parts;
      for (const int input : l.inputs) parts.push_back(in(input));
      return {graph_.concat(parts, std::string_view(l.name), 3)};
    }
    case layer_kind::add:
      return {joined(net, number, ops::add, x, in(l.inputs[1]))};
    case layer_kind::multiply:
      return {joined(net, number, ops::multiply, x, in(l.inputs[1]))};
    case layer_kind::upsample:
      return {upsampled(l, x, shape)};
    case layer_kind::dropout:
      return {x};
    case layer_kind::pad: {
      const std::vector<int>& inner = graph_.shape_of(x);
      return {padded(l, x, {0, 0, 0, shape[1] - inner[1], 0, shape[2] - inner[2], 0, 0})};
    }
    case layer_kind::slice:
      fail("layer ", l.name, ": slices of channels cannot be exported to TFLite");
    case layer_kind::crop_and_resize:
    case layer_kind::position_sensitive_crop:
      fail("layer ", l.name, ": crops cannot be exported to TFLite");
    case layer_kind::input:
    case layer_kind::regions:
      break;
  }
  fail("layer ", l.name, ": the detector has to write it");
}

ODT_INLINE writer::tensor writer::clipped(const layer& l, const tensor& x) {
  const float low = l.function.low, high = l.function.high;
  const std::vector<int> shape = graph_.shape_of(x);
  if (const auto act = fused({.low = low, .high = high})) {
    constexpr builtin alone[] = {{}, ops::relu, ops::relu_n1_to_1, ops::relu6};
    return graph_.add(alone[static_cast<std::size_t>(*act)], l.name, {x}, shape);
  }
  tensor y = x;
  if (high != infinity) y = graph_.add(ops::minimum, str(l.name, "/min"), {y, graph_.number(high)}, shape);
  if (low != -infinity) y = graph_.add(ops::maximum, str(l.name, "/max"), {y, graph_.number(low)}, shape);
  return y;
}

ODT_INLINE writer::tensor writer::elementwise_of(const layer& l, const tensor& input) {
  const std::vector<int> shape = graph_.shape_of(input);
  const auto times = [&](const tensor& a, const tensor& b) {
    return graph_.add(ops::multiply, l.name, {a, b}, shape, {{0, fused_activation::none}});
  };
  tensor x = input;
  switch (l.function.kind) {
    case activation::none:
      break;
    case activation::relu:
      x = graph_.add(ops::relu, l.name, {x}, shape);
      break;
    case activation::relu_6:
      x = graph_.add(ops::relu6, l.name, {x}, shape);
      break;
    case activation::leaky_relu:
      x = graph_.add(ops::leaky_relu, l.name, {x}, shape, {{0, l.function.slope}});
      break;
    case activation::silu:
      x = times(x, graph_.add(ops::logistic, str(l.name, "/Sigmoid"), {x}, shape));
      break;
    case activation::hard_sigmoid:
      x = times(graph_.add(ops::add, str(l.name, "/add"), {x, graph_.number(3)}, shape, {{0, fused_activation::relu6}}),
                graph_.number(1.0f / 6));
      break;
    case activation::hard_swish:
      x = graph_.add(ops::hard_swish, l.name, {x}, shape);
      break;
    case activation::sigmoid:
      x = graph_.add(ops::logistic, l.name, {x}, shape);
      break;
    case activation::scaled:
      x = times(x, graph_.number(l.function.slope));
      break;
  }
  return clipped(l, x);
}

ODT_INLINE writer::tensor writer::pool(const layer& l, const tensor& x, const std::vector<int>& shape) {
  if (l.border != padding::same && l.border != padding::valid)
    fail("layer ", l.name, ": explicit padding of a pool cannot be exported to TFLite");
  return graph_.add(l.kind == layer_kind::max_pool ? ops::max_pool : ops::average_pool, l.name, {x}, shape,
                    {{0, padding_of(l)},
                     {1, l.stride},
                     {2, l.stride},
                     {3, l.kernel_width},
                     {4, l.kernel_height},
                     {5, fused_activation::none}});
}

/// A sum or product of two maps.
ODT_INLINE writer::tensor writer::joined(const network& net, int number, builtin what, const tensor& a,
                                         const tensor& b) {
  const tail t = tail_of(net, number, false);
  return graph_.add(what, t.name, {a, b}, shape_of(number), {{0, t.act}});
}

/// By so many zeros before and behind each axis.
ODT_INLINE writer::tensor writer::padded(const layer& l, const tensor& x, const std::vector<std::int32_t>& zeros) {
  std::vector<int> shape = graph_.shape_of(x);
  for (std::size_t axis = 0; axis < 4; ++axis) shape[axis] += zeros[2 * axis] + zeros[2 * axis + 1];
  return graph_.add(ops::pad, str(l.name, "/Pad"), {x, graph_.integers(str(l.name, "/paddings"), {4, 2}, zeros)},
                    shape);
}

ODT_INLINE writer::tensor writer::upsampled(const layer& l, const tensor& x, const std::vector<int>& shape) {
  const std::vector<int>& small = graph_.shape_of(x);
  const int height = small[1] * l.multiplier, width = small[2] * l.multiplier;
  const tensor size = graph_.integers(str(l.name, "/size"), {height, width});
  tensor large = graph_.add(ops::resize_nearest_neighbor, l.name, {x, size}, {1, height, width, l.channels});
  if (shape[1] == height && shape[2] == width) return large;
  return graph_.add(
      ops::slice, str(l.name, "/Slice"),
      {large, graph_.integers(str(l.name, "/begin"), {0, 0, 0, 0}), graph_.integers(str(l.name, "/extents"), shape)},
      shape);
}

}  // namespace odt::detail::tflite
