// SPDX-License-Identifier: MIT
// For other .ipp files of this room: formulas and rows in ONNX.
#pragma once

#include <odt/core/target.hpp>
#include <odt/export/onnx_writer.ipp>

#include <array>

namespace odt::detail::onnx {

ODT_INLINE graph_tensor writer::rows(const network& net, const network_output& output,
                                     std::span<const graph_tensor> written) {
  std::vector<tensor> parts;
  for (const int number : output.layers) {
    graph_.enter(std::string(net[number].name) + "/rows");
    const tensor pixels = graph_.transpose(written[static_cast<std::size_t>(number)].name, {0, 2, 3, 1});
    parts.push_back(graph_.reshape(pixels, graph_.extents(images_, 0, 1), {-1, output.columns}));
  }
  graph_.enter(std::string(output.name));
  return {graph_.concat(parts, 1)};
}

ODT_INLINE graph_tensor writer::constant(const std::vector<int>& shape, std::span<const float> values) {
  return {graph_.floats("constant", {shape.begin(), shape.end()}, values)};
}

ODT_INLINE graph_tensor writer::apply(graph_function f, const graph_tensor& a, const graph_tensor& b) {
  const auto operand = [&](const graph_tensor& t) { return t.number ? graph_.number(*t.number) : t.name; };
  if (f == graph_function::positive)
    return {graph_.cast(graph_.add("Greater", {operand(a), graph_.number(0)}), data_type::float32)};
  if (f == graph_function::softmax) return {graph_.add("Softmax", {operand(a)}, {int_attribute("axis", -1)})};
  constexpr const char* ops[] = {"Add", "Sub", "Mul", "Div", "Min", "Max", "Neg", "Exp", "Log", "Sqrt", "Sigmoid"};
  std::vector<tensor> inputs{operand(a)};
  if (b.given()) inputs.push_back(operand(b));
  return {graph_.add(ops[static_cast<std::size_t>(f)], std::move(inputs))};
}

ODT_INLINE std::vector<graph_tensor> writer::split(const graph_tensor& rows, int columns) {
  std::vector<graph_tensor> parts;
  for (int i = 0; i < columns; ++i)
    parts.push_back({graph_.add("Gather", {rows.name, graph_.integer(i)}, {int_attribute("axis", -1)})});
  return parts;
}

ODT_INLINE graph_tensor writer::join(std::span<const graph_tensor> columns) {
  std::vector<tensor> parts;
  const tensor last = graph_.integers({-1});
  for (const graph_tensor& column : columns) parts.push_back(graph_.add("Unsqueeze", {column.name, last}));
  return {graph_.concat(parts, -1)};
}

ODT_INLINE graph_tensor writer::slice(const graph_tensor& rows, int first, int count) {
  return {graph_.slice(rows.name, 2, first, count)};
}

ODT_INLINE graph_tensor writer::repeat(const graph_tensor& rows, int, int times) {
  return {graph_.add("Tile", {rows.name, graph_.integers({1, 1, times})})};
}

ODT_INLINE graph_tensor writer::fold(const graph_tensor& rows, int columns) {
  return {graph_.reshape(rows.name, {0, -1, columns})};
}

ODT_INLINE graph_tensor writer::lay(const graph_tensor& map, std::span<const boxf> boxes, size2 stride) {
  const auto steps = [&](int axis, int step, const std::vector<std::int64_t>& shape) {
    const tensor end = graph_.add("Squeeze", {graph_.extents(map.name, axis, axis + 1)});
    const tensor every = graph_.add("Range", {graph_.integer(0), end, graph_.integer(1)});
    const tensor at =
        graph_.add("Mul", {graph_.cast(every, data_type::float32), graph_.number(static_cast<float>(step))});
    return graph_.reshape(at, shape);
  };
  const tensor y = steps(2, stride.height, {-1, 1, 1, 1}), x = steps(3, stride.width, {1, -1, 1, 1});
  // By how much each corner moves: [rows, columns, 1, 4].
  const std::array<float, 4> down{1, 0, 1, 0}, right{0, 1, 0, 1};
  const tensor moves = graph_.add("Add", {graph_.add("Mul", {y, graph_.floats("down", {4}, down)}),
                                          graph_.add("Mul", {x, graph_.floats("right", {4}, right)})});
  std::vector<float> corners;
  for (const boxf& b : boxes) corners.insert(corners.end(), {b.ymin, b.xmin, b.ymax, b.xmax});
  const tensor cell = graph_.floats("boxes", {static_cast<std::int64_t>(boxes.size()), 4}, corners);
  return {graph_.reshape(graph_.add("Add", {moves, cell}), {-1, 4})};
}

ODT_INLINE graph_tensor writer::of_best_class(const graph_tensor& boxes, const graph_tensor& scores, int classes) {
  const tensor best = graph_.add("ArgMax", {scores.name}, {int_attribute("axis", 2), int_attribute("keepdims", 1)});
  const tensor by_class = graph_.reshape(boxes.name, {0, -1, classes, 4});
  const tensor index = graph_.add("Unsqueeze", {best, graph_.integers({3})});
  const tensor wide = graph_.add("Expand", {index, graph_.integers({1, 1, 1, 4})});
  const tensor own = graph_.add("GatherElements", {by_class, wide}, {int_attribute("axis", 2)});
  return {graph_.add("Squeeze", {own, graph_.integers({2})})};
}

ODT_INLINE graph_tensor writer::of_class(const graph_tensor& rows, const graph_tensor& classes, int slots,
                                         int detections, size2 size) {
  const std::int64_t pixels = std::int64_t{size.height} * size.width;
  tensor own = graph_.reshape(rows.name, {-1, pixels, slots});
  if (slots > 1) {
    const tensor label = graph_.reshape(graph_.cast(classes.name, data_type::int64), {-1, 1, 1});
    const tensor wide = graph_.add("Expand", {label, graph_.integers({1, pixels, 1})});
    own = graph_.add("GatherElements", {own, wide}, {int_attribute("axis", 2)});
  }
  return {graph_.reshape(own, {-1, detections, size.height, size.width})};
}

}  // namespace odt::detail::onnx
