// SPDX-License-Identifier: MIT
// For other .ipp files of this room: the best of boxes that overlap, in ONNX.
#pragma once

#include <odt/core/box.hpp>
#include <odt/core/error.hpp>
#include <odt/core/target.hpp>
#include <odt/detectors/graph_scalar.hpp>
#include <odt/detectors/inference_graph.hpp>
#include <odt/export/onnx_writer.ipp>

#include <array>

namespace odt::detail::onnx {

/// NonMaxSuppression says which (image, class, box) are kept, in no order that matters: their scores are put where they
/// were into [batch, classes x boxes], -1 elsewhere, of which the best are taken.
ODT_INLINE graph_detections writer::suppress(const graph_candidates& c, const non_max_suppression_options& o) {
  if (o.soft()) fail("batch_non_max_suppression.soft_nms_sigma: ", o.soft_nms_sigma, " cannot be exported to ONNX");
  if (o.use_class_agnostic_nms)
    fail("batch_non_max_suppression.use_class_agnostic_nms: true cannot be exported to ONNX");
  const bool shared = c.boxes_per_row == 1;
  const std::int64_t classes = c.classes, most = o.max_total_detections;
  // Boxes by class, [batch, 1 or classes, boxes, 4], and scores [batch, classes, boxes].
  const tensor scores = graph_.transpose(c.scores.name, {0, 2, 1});
  const tensor by_class = graph_.transpose(graph_.reshape(c.boxes.name, {0, -1, c.boxes_per_row, 4}), {0, 2, 1, 3});
  const tensor count = graph_.extents(scores, 2, 3), batch = graph_.extents(scores, 0, 1);
  const tensor of_boxes =
      shared
          ? graph_.add("Squeeze", {by_class, graph_.integers({1})})
          : graph_.add("Reshape", {by_class, graph_.concat({graph_.integers({-1}), count, graph_.integers({4})}, 0)});
  const tensor of_scores =
      shared ? scores : graph_.add("Reshape", {scores, graph_.concat({graph_.integers({-1, 1}), count}, 0)});
  const tensor kept =
      graph_.add("NonMaxSuppression", {of_boxes, of_scores, graph_.integers({o.max_detections_per_class}),
                                       graph_.floats("iou_threshold", {1}, std::array{o.iou_threshold}),
                                       graph_.floats("score_threshold", {1}, std::array{o.score_threshold})});

  // What lies outside of the window has no area within it.
  box<graph_scalar> window{graph_scalar(0), graph_scalar(0), graph_scalar(1), graph_scalar(1)};
  if (c.window.given()) window = graph_box(*this, c.window);
  box<graph_scalar> inside = clip(graph_box(*this, {by_class}), window);
  const tensor has_area = positive(area(inside)).tensor().name;
  if (o.change_coordinate_frame && c.window.given()) inside = change_coordinate_frame(inside, window);
  const tensor boxes = graph_rows(*this, inside).name;
  const tensor valid = graph_.add("And", {graph_.add("Greater", {has_area, graph_.number(0)}),
                                          graph_.add("GreaterOrEqual", {scores, graph_.number(0)})});
  const tensor nothing = graph_.number(-1);
  const tensor ranked = graph_.reshape(graph_.add("Where", {valid, scores, nothing}), {-1});

  const auto column = [&](std::int64_t number) {
    return graph_.add("Gather", {kept, graph_.integer(number)}, {int_attribute("axis", 1)});
  };
  const tensor size = graph_.add("Squeeze", {count});
  const tensor lists =
      shared ? graph_.add("Add", {graph_.add("Mul", {column(0), graph_.integer(classes)}), column(1)}) : column(0);
  const tensor place = graph_.add("Add", {graph_.add("Mul", {lists, size}), column(2)});
  const tensor zero_shape = graph_.add("Shape", {ranked});
  const tensor empty = graph_.add("Expand", {nothing, zero_shape});
  const tensor filled = graph_.add("ScatterElements", {empty, place, graph_.add("Gather", {ranked, place})});
  const tensor by_image = graph_.reshape(filled, batch, {-1});
  const tensor padded = graph_.add("Pad", {by_image, graph_.integers({0, 0, 0, most}), nothing});
  const tensor top = graph_.add("TopK", {padded, graph_.integers({most})}, {}, 2);
  const tensor index = graph_builder::output_of(top, 1);
  const tensor there = graph_.cast(graph_.add("GreaterOrEqual", {top, graph_.number(0)}), data_type::float32);

  // Places that pad lie behind the last box: they read it, and are made zero.
  const tensor last = graph_.add("Sub", {graph_.add("Mul", {size, graph_.integer(classes)}), graph_.integer(1)});
  const tensor safe = graph_.add("Min", {index, last});
  const tensor label = graph_.add("Div", {safe, size}), row = graph_.add("Mod", {safe, size});
  const tensor last_axis = graph_.integers({2});
  const tensor mask = graph_.add("Unsqueeze", {there, last_axis});
  const auto taken = [&](const tensor& rows, const tensor& which, std::int64_t columns) {
    const tensor wide =
        graph_.add("Expand", {graph_.add("Unsqueeze", {which, last_axis}), graph_.integers({1, 1, columns})});
    return graph_.add("Mul", {graph_.add("GatherElements", {rows, wide}, {int_attribute("axis", 1)}), mask});
  };
  graph_detections found;
  found.boxes = {taken(graph_.reshape(boxes, {0, -1, 4}), shared ? row : safe, 4)};
  found.scores = {graph_.add("Mul", {top, there})};
  found.classes = {graph_.add("Mul", {graph_.cast(label, data_type::float32), there})};
  found.valid = {there};
  found.count = {graph_.add("ReduceSum", {there, graph_.integers({1})}, {int_attribute("keepdims", 0)})};
  if (c.carried.given()) found.carried = {taken(c.carried.name, row, c.carried_columns)};
  return found;
}

}  // namespace odt::detail::onnx
