// SPDX-License-Identifier: MIT
// For other .ipp files of this room: input, layers, formulas and rows in StableHLO.
#pragma once

#include <odt/core/error.hpp>
#include <odt/core/resize_taps.hpp>
#include <odt/core/target.hpp>
#include <odt/core/text.hpp>
#include <odt/export/stablehlo_writer.ipp>

#include <algorithm>
#include <array>
#include <cstdint>

namespace odt::detail::stablehlo {

ODT_INLINE void writer::refuse_two_stages() {
  fail("model.faster_rcnn: detectors of two stages cannot be exported to StableHLO; --format tensorflow and onnx take ",
       "them");
}

ODT_INLINE graph_tensor writer::put(tensor t) {
  std::string name = t.name;
  tensors_.insert_or_assign(name, std::move(t));
  return {std::move(name)};
}

ODT_INLINE writer::tensor writer::operand(const graph_tensor& t) {
  return t.number ? module_.number(*t.number) : of(t);
}

ODT_INLINE void writer::align(tensor& a, tensor& b) {
  if (a.shape.empty() || b.shape.empty()) return;
  for (tensor* const t : {&a, &b}) {
    pjrt::extents shape = t->shape;
    shape.insert(shape.begin(), std::max(a.shape.size(), b.shape.size()) - shape.size(), 1);
    *t = module_.reshape(*t, shape);
  }
}

ODT_INLINE writer::tensor writer::per_channel(const std::array<float, 3>& values) {
  return module_.constant(values, {1, 1, 1, 3});
}

/// An axis of maps at another size, with TensorFlow's sampling.
ODT_INLINE writer::tensor writer::resized(const tensor& images, resize_method method, int axis, int out) {
  const auto in = static_cast<int>(images.shape[static_cast<std::size_t>(axis)]);
  if (in == out) return images;
  const resize_axis how(method, in, out);
  pjrt::extents beside(4, 1);
  beside[static_cast<std::size_t>(axis)] = out;
  const auto tap = [&](int k) {
    std::vector<float> index, weight;
    for (int i = 0; i < out; ++i) {
      const resize_tap t = tap_of(how, i, k);
      index.push_back(static_cast<float>(t.index)), weight.push_back(t.weight);
    }
    return std::pair(module_.take(images, module_.constant(index, {out}), axis), module_.constant(weight, beside));
  };
  if (method == resize_method::bilinear) {
    const auto [low, none] = tap(0);
    const auto [high, share] = tap(1);
    return module_.binary("add", low, module_.binary("multiply", module_.binary("subtract", high, low), share));
  }
  tensor sum;
  for (int k = 0; k < tap_count(how); ++k) {
    const auto [pixels, weight] = tap(k);
    const tensor part = module_.binary("multiply", pixels, weight);
    sum = sum.given() ? module_.binary("add", sum, part) : part;
  }
  return sum;
}

ODT_INLINE graph_images writer::images(const image_resizer& resizer, const pixel_transform& pixels) {
  if (std::ranges::any_of(input_shape_, [](int extent) { return extent < 1; })) refuse_two_stages();  // SSDs have sizes
  const pjrt::extents shape(input_shape_.begin(), input_shape_.end());
  const size2 size{input_shape_[1], input_shape_[2]}, inner = resizer.inner_size(size),
                                                      outer = resizer.outer_size(size);
  inputs_ += str("//   image_tensor: uint8 [", odt::join(input_shape_, ", "), "], RGB\n");
  tensor x = module_.convert(module_.argument(pjrt::element_type::u8, shape), pjrt::element_type::f32);
  x = module_.binary("add", module_.binary("multiply", x, per_channel(pixels.scale)), per_channel(pixels.shift));
  x = resized(resized(x, resizer.method, 2, inner.width), resizer.method, 1, inner.height);
  graph_images result;
  if (outer != inner) {
    // What is added has to be 0 first: pad takes one value for all channels.
    const tensor value = per_channel(resizer.pad_value);
    x = module_.pad(module_.binary("subtract", x, value), {0, 0, 0, 0},
                    {0, outer.height - inner.height, outer.width - inner.width, 0});
    x = module_.binary("add", x, value);
    const auto share = [](int part, int whole) { return static_cast<float>(part) / static_cast<float>(whole); };
    const std::array<float, 4> window{0, 0, share(inner.height, outer.height), share(inner.width, outer.width)};
    result.window = put(module_.constant(window, {4}));
  }
  result.pixels = put(std::move(x));
  result.height = {.number = static_cast<float>(outer.height)},
  result.width = {.number = static_cast<float>(outer.width)};
  return result;
}

ODT_INLINE graph_tensor writer::write_layer(const network& net, int number, std::span<const graph_tensor> written) {
  if (!layers_) {
    for (const variable& v : net.variables)
      variables_.push_back(module_.constant(values_.at(std::string(v.name)), {v.shape.begin(), v.shape.end()}));
    layers_.emplace(module_, net, variables_, run_mode::infer);
    layers_->set(0, of(written[0]));
  }
  return put(layers_->write(number));
}

ODT_INLINE graph_tensor writer::rows(const network& net, const network_output& output, std::span<const graph_tensor>) {
  return put(layers_->output(static_cast<int>(&output - net.outputs.data())));
}

ODT_INLINE graph_tensor writer::constant(const std::vector<int>& shape, std::span<const float> values) {
  return put(module_.constant(values, {shape.begin(), shape.end()}));
}

ODT_INLINE writer::tensor writer::softmax(const tensor& rows) {
  const std::vector<int> last{static_cast<int>(rows.shape.size()) - 1};
  const tensor largest = module_.reduce("maximum", rows, last);
  const tensor terms = module_.unary("exponential", module_.binary("subtract", rows, largest));
  return module_.binary("divide", terms, module_.reduce("add", terms, last));
}

ODT_INLINE graph_tensor writer::apply(graph_function f, const graph_tensor& a, const graph_tensor& b) {
  tensor left = operand(a);
  if (f == graph_function::softmax) return put(softmax(left));
  if (f == graph_function::positive)
    return put(module_.select(module_.compare("GT", left, module_.number(0)), module_.number(1), module_.number(0)));
  constexpr std::string_view operations[] = {"add",    "subtract",    "multiply", "divide", "minimum", "maximum",
                                             "negate", "exponential", "log",      "sqrt",   "logistic"};
  const std::string_view operation = operations[static_cast<std::size_t>(f)];
  if (!b.given()) return put(module_.unary(operation, left));
  tensor right = operand(b);
  align(left, right);
  return put(module_.binary(operation, left, right));
}

ODT_INLINE std::vector<graph_tensor> writer::split(const graph_tensor& rows, int columns) {
  const tensor whole = of(rows);
  const pjrt::extents column(whole.shape.begin(), whole.shape.end() - 1);
  std::vector<graph_tensor> parts;
  for (int i = 0; i < columns; ++i) parts.push_back(put(module_.reshape(of(slice(rows, i, 1)), column)));
  return parts;
}

ODT_INLINE graph_tensor writer::join(std::span<const graph_tensor> columns) {
  std::vector<tensor> parts;
  for (const graph_tensor& column : columns) {
    pjrt::extents shape = of(column).shape;
    shape.push_back(1);
    parts.push_back(module_.reshape(of(column), shape));
  }
  return put(module_.concatenate(parts, static_cast<int>(parts[0].shape.size()) - 1));
}

ODT_INLINE graph_tensor writer::slice(const graph_tensor& rows, int first, int count) {
  pjrt::extents begin(of(rows).shape.size(), 0), end = of(rows).shape;
  begin.back() = first, end.back() = first + count;
  return put(module_.slice(of(rows), begin, end));
}

ODT_INLINE void writer::output(std::string_view name, const graph_tensor& what, const std::vector<int>&) {
  module_.result(of(what));
  outputs_ += str("//   ", name, ": float32 [", odt::join(of(what).shape, ", "), "]\n");
}

ODT_INLINE std::string writer::text() const {
  return str("// A detector by odt: func @main.\n// Takes:\n", inputs_, "// Gives, in this order:\n", outputs_,
             module_.text());
}

}  // namespace odt::detail::stablehlo
