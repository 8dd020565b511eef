// SPDX-License-Identifier: MIT
// An SSD's inference as a graph.
#pragma once

#include <odt/box_predictor.hpp>
#include <odt/detectors/inference_graph.hpp>
#include <odt/nn/shapes.hpp>
#include <odt/ssd/options.hpp>

#include <optional>
#include <span>
#include <variant>
#include <vector>

namespace odt {

namespace detail {

/// Writes what is predicted, for a format that decodes it.
template <class Axes>
void write_predictions(graph_writer& graph, const ssd_options<Axes>& o, const network& net,
                       const graph_tensor& encodings, const graph_tensor& logits, std::span<const boxf> anchors) {
  graph_predictions p;
  std::visit(
      [&p](const auto& coder) {
        if constexpr (requires { coder.opts.height_scale; })
          p.scales = {coder.opts.y_scale, coder.opts.x_scale, coder.opts.height_scale, coder.opts.width_scale};
        else
          fail("model.ssd.box_coder: the exported format decodes boxes of faster_rcnn_box_coder, not of ", coder.name);
      },
      o.box_coder);
  if (const calibration_options& calibration = o.post_processing.calibration)
    fail("post_processing.calibration_config.", calibration.name(),
         " cannot be exported to a format that decodes boxes ", "itself, as TFLite does");
  graph.enter("");
  p.encodings = encodings;
  p.classes = o.num_classes;
  p.scores = convert_scores(graph, o.post_processing, logits, net.outputs[class_logits].columns);
  p.anchors = anchors;
  graph.decode(p, o.post_processing.suppression);
}

}  // namespace detail

/// Writes image to detections. The network's input has to be of one size, since anchors are constants.
template <class Axes>
void write_ssd(graph_writer& graph, const ssd_options<Axes>& o, const network& net, const pixel_transform& pixels) {
  const std::optional<size2> size = o.resizer.constant_size();
  if (!size)
    fail(
        "model.ssd.image_resizer: an SSD is exported for images of one size; use fixed_shape_resizer, or "
        "keep_aspect_ratio_resizer with pad_to_max_dimension");
  const graph_images images = graph.images(o.resizer, pixels);
  layer_writer layers(graph, net);
  layers.set(0, images.pixels);
  layers.write(1, net.size());
  const graph_tensor encodings = layers.rows(box_encodings), logits = layers.rows(class_logits);
  const std::vector<size2> maps = feature_map_sizes(net, *size);
  const std::vector<boxf> cells =
      std::visit([&](const auto& generator) { return generator.generate(maps, *size); }, o.anchor_generator);
  if (graph.decodes()) return detail::write_predictions(graph, o, net, encodings, logits, cells);

  graph.enter("MultipleGridAnchorGenerator");
  const graph_tensor anchors = graph_constant(graph, cells);
  graph.enter("Postprocessor/Decode");
  const graph_tensor boxes =
      std::visit([&](const auto& coder) { return decode_boxes(graph, coder, encodings, anchors); }, o.box_coder);
  graph.enter("Postprocessor");
  const int slots = net.outputs[class_logits].columns, background = slots - o.num_classes;
  const graph_tensor scores = convert_scores(graph, o.post_processing, logits, slots);
  if (graph.wants_detections()) {
    graph_candidates candidates;
    candidates.boxes = boxes;
    candidates.scores = background > 0 ? graph.slice(scores, background, o.num_classes) : scores;
    candidates.classes = o.num_classes;
    candidates.carried = scores;
    candidates.carried_columns = slots;
    candidates.window = images.window;
    const graph_detections found = graph.suppress(candidates, o.post_processing.suppression);
    write_detections(graph, found, o.post_processing.suppression.max_total_detections, slots);
  }
  write_raw(graph, boxes, scores, slots);
}

}  // namespace odt
