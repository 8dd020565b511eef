// SPDX-License-Identifier: MIT
// For other .ipp files of this room: input, rows, scores and outputs in TFLite.
#pragma once

#include <odt/core/error.hpp>
#include <odt/core/target.hpp>
#include <odt/export/tflite_writer.ipp>

namespace odt::detail::tflite {

ODT_INLINE graph_images writer::images(const image_resizer& resizer, const pixel_transform&) {
  size_ = input_size(resizer);
  graph_.declare_input(input_name, {1, size_.height, size_.width, 3});
  graph_images result;
  result.pixels = {input_name};
  return result;
}

ODT_INLINE graph_tensor writer::rows(const network& net, const network_output& output,
                                     std::span<const graph_tensor> written) {
  graph_.enter("");
  std::vector<tensor> parts;
  for (const int number : output.layers) {
    const shape3& s = shapes_[static_cast<std::size_t>(number)];
    parts.push_back(graph_.reshape(written[static_cast<std::size_t>(number)].name, str(net[number].name, "/Reshape"),
                                   {1, static_cast<int>(s.size() / output.columns), output.columns}));
  }
  return {graph_.concat(parts, std::string_view(output.name), 1)};
}

ODT_INLINE graph_tensor writer::apply(graph_function f, const graph_tensor& a, const graph_tensor& b) {
  const std::vector<int> shape = graph_.shape_of(a.name);
  switch (f) {
    case graph_function::divide:
      if (!b.number) break;
      return {graph_.add(ops::divide, "scale_logits", {a.name, graph_.number(*b.number)}, shape,
                         {{0, fused_activation::none}})};
    case graph_function::sigmoid:
      return {graph_.add(ops::logistic, "convert_scores", {a.name}, shape)};
    case graph_function::softmax:
      return {graph_.add(ops::softmax, "convert_scores", {a.name}, shape, {{0, 1.0f}})};
    default:
      break;
  }
  refuse("sums and products");
}

ODT_INLINE void writer::decode(const graph_predictions& p, const non_max_suppression_options& o) {
  graph_.enter("");
  const std::vector<tensor> inputs{
      graph_.rename(p.encodings.name, encodings_name), graph_.rename(p.scores.name, scores_name),
      graph_.floats(anchors_name, {static_cast<int>(p.anchors.size()), 4}, centers_of(p.anchors))};
  if (!options_.add_postprocessing_op) {
    for (const tensor& raw : inputs) graph_.declare_output(raw);
    return;
  }
  const int most = options_.max_detections * options_.max_classes_per_detection;
  for (const tensor& found : graph_.add_custom(post_process, inputs, {{1, most, 4}, {1, most}, {1, most}, {1}},
                                               attributes_of(p, o, options_)))
    graph_.declare_output(found);
}

}  // namespace odt::detail::tflite
