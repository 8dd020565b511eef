// SPDX-License-Identifier: MIT
// For other .ipp files of this room: variables, formulas, rows and outputs in TensorFlow.
#pragma once

#include <odt/core/error.hpp>
#include <odt/core/target.hpp>
#include <odt/export/tensorflow_layers.ipp>

#include <algorithm>
#include <array>

namespace odt::detail::tensorflow {

ODT_INLINE writer::writer(std::span<const state_tensor> state, const graph_options& options) : options_(options) {
  for (const state_tensor& t : state)
    if (t.model_variable) values_.emplace(t.name, t.values);
}

ODT_INLINE std::vector<std::string> writer::written_variables() const {
  std::vector<std::string> names;
  for (const auto& [number, read] : read_)
    names.push_back(read.substr(0, read.size() - std::string_view("/read").size()));
  std::ranges::sort(names);
  return names;
}

/// Written where it is first read, as the API's exporter leaves it: a constant, or a variable, and its reading.
ODT_INLINE writer::tensor writer::variable_of(const network& net, int number) {
  if (const auto there = read_.find(number); there != read_.end()) return there->second;
  const std::string scope = graph_.scope();
  const variable& v = net.variables[static_cast<std::size_t>(number)];
  const std::string name(v.name);
  graph_.enter("");
  if (options_.frozen) {
    graph_.constant(name, v.shape, values_.at(name));
  } else {
    graph_.add("VariableV2", name, {}, {type_attribute("dtype", float_type), shape_attribute("shape", v.shape)});
  }
  tensor read = graph_.add("Identity", name + "/read", {name}, {type_attribute("T", float_type)});
  read_.emplace(number, read);
  graph_.enter(scope);
  return read;
}

ODT_INLINE graph_tensor writer::rows(const network& net, const network_output& output,
                                     std::span<const graph_tensor> written) {
  const bool boxes = output.columns == 4 && output.name == "box_encodings";  // the API's have an axis more
  std::vector<tensor> parts;
  for (const int number : output.layers) {
    graph_.enter(scope_of(scope_of(net[number].name)));
    using extent_of = graph_builder::extent_of;
    const extent_of batch = options_.tflite ? extent_of(1) : extent_of(graph_.extent(images_, float_type, 0));
    std::vector<extent_of> extents{batch, -1, output.columns};
    if (boxes) extents.insert(extents.end() - 1, 1);
    parts.push_back(graph_.reshape(written[static_cast<std::size_t>(number)].name, extents));
  }
  graph_.enter("");
  const tensor all = graph_.concat(parts, 1);
  if (!boxes) return {all};
  return {
      graph_.add("Squeeze", "Squeeze", {all}, {type_attribute("T", float_type), ints_attribute("squeeze_dims", {2})})};
}

ODT_INLINE graph_tensor writer::constant(const std::vector<int>& shape, std::span<const float> values) {
  return {graph_.constant("Const", shape, values)};
}

ODT_INLINE graph_tensor writer::apply(graph_function f, const graph_tensor& a, const graph_tensor& b) {
  struct words {
    const char *op, *name;
  };
  constexpr words table[] = {{"AddV2", "add"},
                             {"Sub", "sub"},
                             {"Mul", "mul"},
                             {"RealDiv", "truediv"},
                             {"Minimum", "Minimum"},
                             {"Maximum", "Maximum"},
                             {"Neg", "Neg"},
                             {"Exp", "Exp"},
                             {"Log", "Log"},
                             {"Sqrt", "Sqrt"},
                             {"Sigmoid", "convert_scores"},
                             {"Softmax", "convert_scores"}};
  if (f == graph_function::positive) {
    const tensor above =
        graph_.add("Greater", "Greater", {a.name, graph_.scalar("Greater/y", 0.0f)}, {type_attribute("T", float_type)});
    return {graph_.add("Cast", "Cast", {above},
                       {type_attribute("SrcT", element_type::boolean), type_attribute("DstT", float_type)})};
  }
  const auto& [op, name] = table[static_cast<std::size_t>(f)];
  const std::string own = graph_.free(name);
  const auto operand = [&](const graph_tensor& t, const char* which) {
    return t.number ? graph_.scalar(str(own, "/", which), *t.number) : t.name;
  };
  std::vector<tensor> inputs{operand(a, "x")};
  if (b.given()) inputs.push_back(operand(b, "y"));
  return {graph_.add(op, own, std::move(inputs), {type_attribute("T", float_type)})};
}

ODT_INLINE std::vector<graph_tensor> writer::split(const graph_tensor& rows, int columns) {
  std::vector<graph_tensor> parts;
  for (const tensor& part : graph_.unstack(rows.name, -1, columns)) parts.push_back({part});
  return parts;
}

ODT_INLINE graph_tensor writer::join(std::span<const graph_tensor> columns) {
  std::vector<tensor> parts;
  for (const graph_tensor& column : columns) parts.push_back(column.name);
  return {graph_.stack(parts, -1)};
}

ODT_INLINE graph_tensor writer::slice(const graph_tensor& rows, int first, int count) {
  return {graph_.slice_last(rows.name, 3, first, count)};
}

ODT_INLINE graph_tensor writer::repeat(const graph_tensor& rows, int, int times) {
  const tensor multiples = graph_.integers("Tile/multiples", {1, 1, times});
  return {graph_.add("Tile", "Tile", {rows.name, multiples},
                     {type_attribute("T", float_type), type_attribute("Tmultiples", element_type::int32)})};
}

ODT_INLINE graph_tensor writer::fold(const graph_tensor& rows, int columns) {
  return {graph_.reshape(rows.name, {graph_.extent(rows.name, float_type, 0), -1, columns})};
}

ODT_INLINE graph_tensor writer::lay(const graph_tensor& map, std::span<const boxf> boxes, size2 stride) {
  const std::initializer_list<graph_attribute> floats{type_attribute("T", float_type)};
  const auto steps = [&](int axis, int step, const std::vector<graph_builder::extent_of>& shape) {
    const tensor every = graph_.add(
        "Range", "range",
        {graph_.scalar("range/start", 0), graph_.extent(map.name, float_type, axis), graph_.scalar("range/delta", 1)},
        {type_attribute("Tidx", element_type::int32)});
    const tensor number = graph_.add("Cast", "Cast", {every},
                                     {type_attribute("SrcT", element_type::int32), type_attribute("DstT", float_type)});
    const tensor at = graph_.add("Mul", "mul", {number, graph_.scalar("mul/y", static_cast<float>(step))}, floats);
    return graph_.reshape(at, shape);
  };
  const tensor y = steps(1, stride.height, {-1, 1, 1, 1}), x = steps(2, stride.width, {1, -1, 1, 1});
  // By how much each corner moves: [rows, columns, 1, 4].
  const std::array<float, 4> down{1, 0, 1, 0}, right{0, 1, 0, 1};
  const tensor moves =
      graph_.add("AddV2", "add",
                 {graph_.add("Mul", "mul", {y, graph_.constant("down", {4}, std::span<const float>(down))}, floats),
                  graph_.add("Mul", "mul", {x, graph_.constant("right", {4}, std::span<const float>(right))}, floats)},
                 floats);
  std::vector<float> corners;
  for (const boxf& b : boxes) corners.insert(corners.end(), {b.ymin, b.xmin, b.ymax, b.xmax});
  const tensor cell = graph_.constant("boxes", {static_cast<int>(boxes.size()), 4}, std::span<const float>(corners));
  return {graph_.reshape(graph_.add("AddV2", "add", {moves, cell}, floats), {-1, 4})};
}

ODT_INLINE graph_tensor writer::of_best_class(const graph_tensor& boxes, const graph_tensor& scores, int classes) {
  const tensor best = graph_.add("ArgMax", "ArgMax", {scores.name, graph_.scalar("ArgMax/dimension", 2)},
                                 {type_attribute("T", float_type), type_attribute("output_type", element_type::int32)});
  const tensor by_class = graph_.reshape(boxes.name, {graph_.extent(boxes.name, float_type, 0), -1, classes, 4});
  return {graph_.add("GatherV2", "GatherV2", {by_class, best, graph_.scalar("GatherV2/axis", 2)},
                     {type_attribute("Tparams", float_type), type_attribute("Tindices", element_type::int32),
                      type_attribute("Taxis", element_type::int32), attribute("batch_dims", 2)})};
}

ODT_INLINE graph_tensor writer::of_class(const graph_tensor& rows, const graph_tensor& classes, int slots,
                                         int detections, size2 size) {
  const int pixels = size.height * size.width;
  const tensor by_detection = graph_.reshape(rows.name, {-1, pixels, slots});
  tensor own = by_detection;
  if (slots > 1) {
    const tensor label = graph_.add("Cast", "Cast", {graph_.reshape(classes.name, {-1, 1})},
                                    {type_attribute("SrcT", float_type), type_attribute("DstT", element_type::int32)});
    const tensor choice =
        graph_.add("OneHot", "one_hot",
                   {label, graph_.scalar("one_hot/depth", slots), graph_.scalar("one_hot/on_value", 1.0f),
                    graph_.scalar("one_hot/off_value", 0.0f)},
                   {type_attribute("T", float_type), type_attribute("TI", element_type::int32)});
    own = graph_.add("Sum", "Sum",
                     {graph_.add("Mul", "mul", {by_detection, choice}, {type_attribute("T", float_type)}),
                      graph_.scalar("Sum/axis", 2)},
                     {type_attribute("T", float_type), type_attribute("Tidx", element_type::int32)});
  }
  return {graph_.reshape(own, {-1, detections, size.height, size.width})};
}

ODT_INLINE void writer::output(std::string_view name, const graph_tensor& what, const std::vector<int>& shape) {
  graph_.enter("");
  graph_.add("Identity", name, {what.name}, {type_attribute("T", float_type)});
  outputs_.push_back({std::string(name), str(name, ":0"), element_type::float32, shape});
}

ODT_INLINE void writer::add_output(const std::string& operation) {
  const auto& nodes = definition().node();
  if (std::ranges::none_of(nodes, [&](const proto::NodeDef& n) { return n.name() == operation; }))
    fail("the graph has no operation \"", operation, "\" to make an output of");
  outputs_.push_back({operation, operation + ":0", element_type::float32, {}});
}

}  // namespace odt::detail::tensorflow
