// SPDX-License-Identifier: MIT
// For other .ipp files of this room: the best of boxes that overlap, in TensorFlow.
#pragma once

#include <odt/core/box.hpp>
#include <odt/core/error.hpp>
#include <odt/core/target.hpp>
#include <odt/detectors/graph_scalar.hpp>
#include <odt/export/tensorflow_loop.ipp>
#include <odt/export/tensorflow_writer.ipp>

#include <algorithm>
#include <array>

namespace odt::detail::tensorflow {

/// Boxes, scores, classes, which of them are there, their number and what is carried of one image, padded.
ODT_INLINE std::vector<writer::tensor> writer::best_of(const graph_candidates& c, const non_max_suppression_options& o,
                                                       const std::vector<tensor>& image) {
  const std::initializer_list<graph_attribute> floats{type_attribute("T", float_type)};
  const auto gather = [&](const tensor& from, const tensor& indices) {
    return graph_.add("GatherV2", "GatherV2", {from, indices, graph_.scalar("GatherV2/axis", 0)},
                      {type_attribute("Tparams", float_type), type_attribute("Tindices", element_type::int32),
                       type_attribute("Taxis", element_type::int32)});
  };
  const auto filled = [&](const tensor& like, float value) {
    const tensor shape = graph_.add("Shape", "Shape", {like}, {type_attribute("T", element_type::int32)});
    return graph_.add("Fill", "Fill", {shape, graph_.scalar("Fill/value", value)},
                      {type_attribute("T", float_type), type_attribute("index_type", element_type::int32)});
  };
  const auto suppressed = [&](const tensor& boxes, const tensor& scores, int most) {
    const float sigma = o.soft() ? o.soft_nms_sigma : 0;
    const tensor count = graph_.scalar("max_output_size", most), iou = graph_.scalar("iou_threshold", o.iou_threshold),
                 least = graph_.scalar("score_threshold", o.score_threshold),
                 soft = graph_.scalar("soft_nms_sigma", sigma);
    return graph_.add("NonMaxSuppressionV5", "NonMaxSuppressionV5", {boxes, scores, count, iou, least, soft},
                      {type_attribute("T", float_type), attribute("pad_to_max_output_size", false)});
  };
  const tensor& all_boxes = image[0];
  const tensor& all_scores = image[1];
  std::vector<tensor> boxes, scores, classes, carried;
  const auto keep = [&](const tensor& from, const tensor& nms, const tensor& labels) {
    boxes.push_back(gather(from, nms));
    scores.push_back(nms + ":1");
    classes.push_back(labels);
    if (c.carried.given()) carried.push_back(gather(image[2], nms));
  };
  if (o.use_class_agnostic_nms) {
    const tensor axis = graph_.scalar("axis", 1);
    const tensor best = graph_.add("Max", "Max", {all_scores, axis},
                                   {type_attribute("T", float_type), type_attribute("Tidx", element_type::int32)});
    const tensor of = graph_.add("ArgMax", "ArgMax", {all_scores, axis},
                                 {type_attribute("T", float_type), type_attribute("output_type", element_type::int32)});
    const tensor labels = graph_.add("Cast", "Cast", {of},
                                     {type_attribute("SrcT", element_type::int32), type_attribute("DstT", float_type)});
    const tensor nms = suppressed(all_boxes, best, o.max_total_detections);
    keep(all_boxes, nms, gather(labels, nms));
  } else {
    const auto scores_of = graph_.unstack(all_scores, 1, c.classes);
    std::vector<tensor> boxes_of(1, all_boxes);
    if (c.boxes_per_row > 1) {
      const tensor by_class = graph_.reshape(all_boxes, {-1, c.classes, 4});
      boxes_of = graph_.unstack(by_class, 1, c.classes);
    }
    for (int label = 0; label < c.classes; ++label) {
      const tensor& own = boxes_of[c.boxes_per_row > 1 ? static_cast<std::size_t>(label) : 0];
      const tensor nms = suppressed(own, scores_of[static_cast<std::size_t>(label)], o.max_detections_per_class);
      keep(own, nms, filled(nms, static_cast<float>(label)));
    }
  }
  tensor found = graph_.concat(boxes, 0), found_scores = graph_.concat(scores, 0);
  const auto corner = graph_.unstack(found, 1, 4);
  std::array<tensor, 4> edge;
  if (c.window.given()) {
    const auto edges = graph_.unstack(graph_.from_outside(c.window.name, float_type), 0, 4);
    std::ranges::copy(edges, edge.begin());
  } else {
    for (std::size_t i = 0; i < 4; ++i) edge[i] = graph_.scalar("window", i < 2 ? 0.0f : 1.0f);
  }
  std::array<graph_scalar, 4> b, w;
  for (std::size_t i = 0; i < 4; ++i) b[i] = {*this, {corner[i]}}, w[i] = {*this, {edge[i]}};
  const box<graph_scalar> window{w[0], w[1], w[2], w[3]};
  box<graph_scalar> inside = clip(box<graph_scalar>{b[0], b[1], b[2], b[3]}, window);
  const tensor zero = graph_.scalar("zero", 0.0f);
  const tensor valid = graph_.add("LogicalAnd", "LogicalAnd",
                                  {graph_.add("Greater", "Greater", {area(inside).tensor().name, zero}, floats),
                                   graph_.add("GreaterEqual", "GreaterEqual", {found_scores, zero}, floats)});
  if (o.change_coordinate_frame && c.window.given()) inside = change_coordinate_frame(inside, window);
  found = graph_.stack(
      {inside.ymin.tensor().name, inside.xmin.tensor().name, inside.ymax.tensor().name, inside.xmax.tensor().name}, 1);
  const tensor ranked =
      graph_.add("SelectV2", "Select", {valid, found_scores, graph_.scalar("invalid", -1.0f)}, floats);

  // Zeros behind all that was found, so that there are always enough for the best.
  const int most = o.max_total_detections;
  const auto extended = [&](const tensor& what, std::vector<int> shape, float value) {
    shape.insert(shape.begin(), most);
    std::size_t size = 1;
    for (const int extent : shape) size *= static_cast<std::size_t>(extent);
    return graph_.concat({what, graph_.constant("padding", shape, std::span<const float>(std::vector(size, value)))},
                         0);
  };
  const tensor top = graph_.add("TopKV2", "TopKV2", {extended(ranked, {}, -1), graph_.scalar("TopKV2/k", most)},
                                {type_attribute("T", float_type), attribute("sorted", true)});
  const tensor indices = top + ":1";
  const tensor there = graph_.add("GreaterEqual", "GreaterEqual", {top, zero}, floats);
  const tensor there_float = graph_.add(
      "Cast", "Cast", {there}, {type_attribute("SrcT", element_type::boolean), type_attribute("DstT", float_type)});
  const auto masked = [&](const tensor& values) { return graph_.add("Mul", "mul", {values, there_float}, floats); };
  const tensor column = graph_.add("ExpandDims", "ExpandDims", {there_float, graph_.scalar("ExpandDims/dim", 1)},
                                   {type_attribute("T", float_type), type_attribute("Tdim", element_type::int32)});
  const auto masked_rows = [&](const tensor& values) { return graph_.add("Mul", "mul", {values, column}, floats); };
  std::vector<tensor> result{
      masked_rows(gather(extended(found, {4}, 0), indices)), masked(top),
      masked(gather(extended(graph_.concat(classes, 0), {}, 0), indices)), there_float,
      graph_.add("Sum", "Sum", {there_float, graph_.scalar("Sum/axis", 0)},
                 {type_attribute("T", float_type), type_attribute("Tidx", element_type::int32)})};
  if (c.carried.given())
    result.push_back(masked_rows(gather(extended(graph_.concat(carried, 0), {c.carried_columns}, 0), indices)));
  return result;
}

ODT_INLINE graph_detections writer::suppress(const graph_candidates& c, const non_max_suppression_options& o) {
  if (o.use_class_agnostic_nms && c.boxes_per_row > 1)
    fail("use_class_agnostic_nms: with a box for each class it cannot be exported to TensorFlow");
  std::vector<graph_builder::typed> over{{c.boxes.name}, {c.scores.name}};
  if (c.carried.given()) over.push_back({c.carried.name});
  const std::vector<element_type> results(c.carried.given() ? 6 : 5, element_type::float32);
  const auto made =
      graph_.map("BatchMultiClassNonMaxSuppression/map", over, results, [&](const std::vector<tensor>& image) {
        graph_.enter(str(graph_.scope(), "/MultiClassNonMaxSuppression"));
        return best_of(c, o, image);
      });
  graph_detections found{{made[0]}, {made[1]}, {made[2]}, {made[3]}, {made[4]}};
  if (c.carried.given()) found.carried = {made[5]};
  return found;
}

}  // namespace odt::detail::tensorflow
