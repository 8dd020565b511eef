// SPDX-License-Identifier: MIT
// For other .ipp files of this room: the best of boxes that overlap, in TensorFlow.
#pragma once

#include <odt/core/box.hpp>
#include <odt/core/error.hpp>
#include <odt/core/target.hpp>
#include <odt/detectors/inference_graph.hpp>
#include <odt/export/tensorflow_loop.ipp>
#include <odt/export/tensorflow_writer.ipp>

#include <string>
#include <utility>
#include <vector>

namespace odt::detail::tensorflow {

/// Elements, or rows, of a tensor.
ODT_INLINE writer::tensor writer::gathered(const tensor& from, const tensor& indices) {
  return graph_.add("GatherV2", "GatherV2", {from, indices, graph_.scalar("GatherV2/axis", 0)},
                    {type_attribute("Tparams", float_type), type_attribute("Tindices", element_type::int32),
                     type_attribute("Taxis", element_type::int32)});
}

/// Indices of the boxes that are kept; their scores are the second output.
ODT_INLINE writer::tensor writer::suppressed(const tensor& boxes, const tensor& scores, int most,
                                             const non_max_suppression_options& o) {
  const tensor count = graph_.scalar("max_output_size", most), iou = graph_.scalar("iou_threshold", o.iou_threshold),
               least = graph_.scalar("score_threshold", o.score_threshold),
               soft = graph_.scalar("soft_nms_sigma", o.soft() ? o.soft_nms_sigma : 0.0f);
  return graph_.compute("NonMaxSuppressionV5", "NonMaxSuppressionV5", {boxes, scores, count, iou, least, soft});
}

/// What is kept of an image's boxes, each with its best class.
ODT_INLINE writer::kept_boxes writer::kept_across_classes(const graph_candidates& c,
                                                          const non_max_suppression_options& o,
                                                          const std::vector<tensor>& image) {
  const tensor axis = graph_.scalar("axis", 1);
  const tensor best = graph_.add("Max", "Max", {image[1], axis},
                                 {type_attribute("T", float_type), type_attribute("Tidx", element_type::int32)});
  const tensor of = graph_.add("ArgMax", "ArgMax", {image[1], axis},
                               {type_attribute("T", float_type), type_attribute("output_type", element_type::int32)});
  const tensor nms = suppressed(image[0], best, o.max_total_detections, o);
  kept_boxes kept{
      gathered(image[0], nms), nms + ":1", gathered(graph_.cast(of, element_type::int32, float_type), nms), {}};
  if (c.carried.given()) kept.carried = gathered(image[2], nms);
  return kept;
}

/// What is kept of them class by class, one class after another.
ODT_INLINE writer::kept_boxes writer::kept_per_class(const graph_candidates& c, const non_max_suppression_options& o,
                                                     const std::vector<tensor>& image) {
  const auto scores_of = graph_.unstack(image[1], 1, c.classes);
  const bool shared = c.boxes_per_row == 1;
  std::vector<tensor> boxes_of{image[0]};
  if (!shared) boxes_of = graph_.unstack(graph_.reshape(image[0], {-1, c.classes, 4}), 1, c.classes);
  std::vector<tensor> boxes, scores, classes, carried;
  for (int label = 0; label < c.classes; ++label) {
    const auto number = static_cast<std::size_t>(label);
    const tensor& own = boxes_of[shared ? 0 : number];
    const tensor nms = suppressed(own, scores_of[number], o.max_detections_per_class, o);
    boxes.push_back(gathered(own, nms));
    scores.push_back(nms + ":1");
    const tensor shape = graph_.add("Shape", "Shape", {nms}, {type_attribute("T", element_type::int32)});
    classes.push_back(graph_.compute("Fill", "Fill", {shape, graph_.scalar("Fill/value", static_cast<float>(label))}));
    if (c.carried.given()) carried.push_back(gathered(image[2], nms));
  }
  kept_boxes kept{graph_.concat(boxes, 0), graph_.concat(scores, 0), graph_.concat(classes, 0), {}};
  if (c.carried.given()) kept.carried = graph_.concat(carried, 0);
  return kept;
}

/// Clips boxes to the window, in whose frame they come out if it is wanted; what has no area within it, or a score
/// below 0, gets the score -1.
ODT_INLINE void writer::clip_to_window(const graph_candidates& c, bool change_frame, kept_boxes& kept) {
  box<graph_scalar> window{graph_scalar(0), graph_scalar(0), graph_scalar(1), graph_scalar(1)};
  if (c.window.given()) window = graph_box(*this, {graph_.from_outside(c.window.name, float_type)});
  box<graph_scalar> inside = clip(graph_box(*this, {kept.boxes}), window);
  const tensor zero = graph_.scalar("zero", 0.0f);
  const tensor valid = graph_.add("LogicalAnd", "LogicalAnd",
                                  {graph_.compute("Greater", "Greater", {area(inside).tensor().name, zero}),
                                   graph_.compute("GreaterEqual", "GreaterEqual", {kept.scores, zero})});
  if (change_frame && c.window.given()) inside = change_coordinate_frame(inside, window);
  kept.boxes = graph_rows(*this, inside).name;
  kept.scores = graph_.compute("SelectV2", "Select", {valid, kept.scores, graph_.scalar("invalid", -1.0f)});
}

/// The best of them: boxes, scores, classes, which are there, how many, and what is carried. Values are put behind all
/// that was kept, so that there are always enough.
ODT_INLINE std::vector<writer::tensor> writer::best(const graph_candidates& c, int most, const kept_boxes& kept) {
  const auto extended = [&](const tensor& what, std::vector<int> row, float value) {
    row.insert(row.begin(), most);
    std::size_t size = 1;
    for (const int extent : row) size *= static_cast<std::size_t>(extent);
    const std::vector<float> values(size, value);
    return graph_.concat({what, graph_.constant("padding", row, std::span<const float>(values))}, 0);
  };
  const tensor top = graph_.add("TopKV2", "TopKV2", {extended(kept.scores, {}, -1), graph_.scalar("TopKV2/k", most)},
                                {type_attribute("T", float_type), attribute("sorted", true)});
  const tensor indices = top + ":1";
  const tensor there = graph_.cast(graph_.compute("GreaterEqual", "GreaterEqual", {top, graph_.scalar("zero", 0.0f)}),
                                   element_type::boolean, float_type);
  const tensor column = graph_.add("ExpandDims", "ExpandDims", {there, graph_.scalar("ExpandDims/dim", 1)},
                                   {type_attribute("T", float_type), type_attribute("Tdim", element_type::int32)});
  const auto masked = [&](const tensor& values, const tensor& mask) {
    return graph_.compute("Mul", "mul", {values, mask});
  };
  std::vector<tensor> found{masked(gathered(extended(kept.boxes, {4}, 0), indices), column), masked(top, there),
                            masked(gathered(extended(kept.classes, {}, 0), indices), there), there,
                            graph_.add("Sum", "Sum", {there, graph_.scalar("Sum/axis", 0)},
                                       {type_attribute("T", float_type), type_attribute("Tidx", element_type::int32)})};
  if (c.carried.given())
    found.push_back(masked(gathered(extended(kept.carried, {c.carried_columns}, 0), indices), column));
  return found;
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
        kept_boxes kept = o.use_class_agnostic_nms ? kept_across_classes(c, o, image) : kept_per_class(c, o, image);
        clip_to_window(c, o.change_coordinate_frame, kept);
        return best(c, o.max_total_detections, kept);
      });
  graph_detections found{{made[0]}, {made[1]}, {made[2]}, {made[3]}, {made[4]}};
  if (c.carried.given()) found.carried = {made[5]};
  return found;
}

}  // namespace odt::detail::tensorflow
