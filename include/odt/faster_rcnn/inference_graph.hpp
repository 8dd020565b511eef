// SPDX-License-Identifier: MIT
// A two-stage detector's inference as a graph, for images of any size.
#pragma once

#include <odt/detectors/inference_graph.hpp>
#include <odt/exec/two_stage_elements.hpp>
#include <odt/faster_rcnn/options.hpp>
#include <odt/second_stage_box_predictor.hpp>

#include <array>
#include <span>
#include <variant>
#include <vector>

namespace odt {

namespace detail {

/// Writes the inference of one two-stage detector, stage by stage. Boxes are in pixels of the network's input.
template <class Axes>
class two_stage_graph {
 public:
  two_stage_graph(graph_writer& graph, const faster_rcnn_options<Axes>& options, const network& net)
      : graph_(graph), options_(options), net_(net), layers_(graph, net) {
    for (int l = 0; l < net.size(); ++l)
      if (net[l].kind == layer_kind::regions) regions_.push_back(l);
  }

  void write(const pixel_transform& pixels) {
    if (!options_.has_second_stage())
      fail("model.faster_rcnn.number_of_stages: 1 cannot be exported; a detector needs 2");
    if (graph_.decodes())
      fail("model.faster_rcnn: detectors of two stages cannot be exported to a format that decodes boxes itself, as ",
           "TFLite does; SSDs can");
    images_ = graph_.images(options_.resizer, pixels);
    height_ = {graph_, images_.height}, width_ = {graph_, images_.width};
    window_ = window();
    layers_.set(0, images_.pixels);
    layers_.write(1, regions_[0]);
    const graph_detections proposals = propose();
    set_regions(0, proposals.boxes);
    layers_.write(1, regions_.size() > 1 ? regions_[1] : net_.size());
    const graph_detections found = detect(proposals);
    if (options_.has_masks() && graph_.wants_detections()) write_masks(found);
  }

 private:
  /// Where the image lies in its padded input.
  box<graph_scalar> window() {
    const graph_scalar zero(0.0f);
    if (!images_.window.given()) return {zero, zero, height_, width_};
    const box<graph_scalar> share = columns_of(images_.window);
    return {zero, zero, share.ymax * height_, share.xmax * width_};
  }

  box<graph_scalar> columns_of(const graph_tensor& rows) { return graph_box(graph_, rows); }

  /// A box whose corners may be numbers as [4].
  graph_tensor joined(const box<graph_scalar>& b) {
    const graph_scalar zero = height_ - height_;
    return graph_rows(graph_, {b.ymin + zero, b.xmin + zero, b.ymax + zero, b.xmax + zero});
  }

  /// As odt::normalized rounds it: a unit in the last place decides whether a crop's last row lies within the map.
  box<graph_scalar> normalized(const box<graph_scalar>& b) const {
    const graph_scalar y = graph_scalar(1) / height_, x = graph_scalar(1) / width_;
    return {b.ymin * y, b.xmin * x, b.ymax * y, b.xmax * x};
  }

  void set_regions(std::size_t number, const graph_tensor& boxes) {
    layers_.set(regions_[number], graph_rows(graph_, normalized(columns_of(boxes))));
  }

  /// The grid over the first stage's map, clipped to the input.
  box<graph_scalar> anchors() {
    return std::visit(
        [&](const auto& generator) {
          const auto cells = [&](size2 map) { return generator.generate(std::array{map}, {0, 0}); };
          const std::vector<boxf> one = cells({1, 1}), four = cells({2, 2});
          const boxf &first = four[0], &right = four[one.size()], &below = four[2 * one.size()];
          const size2 stride{static_cast<int>(below.ymin - first.ymin), static_cast<int>(right.xmin - first.xmin)};
          const int map = net_.outputs[rpn_box_encodings].layers[0];
          const box<graph_scalar> all = columns_of(graph_.lay(layers_[map], one, stride));
          return clip(all, {graph_scalar(0.0f), graph_scalar(0.0f), height_, width_});
        },
        options_.anchor_generator);
  }

  graph_detections propose() {
    graph_.enter("GridAnchorGenerator");
    const box<graph_scalar> grid = anchors();
    const graph_tensor encodings = layers_.rows(rpn_box_encodings), logits = layers_.rows(rpn_objectness);
    graph_.enter("FirstStagePostprocessor");
    const graph_tensor boxes = decode(encodings, graph_rows(graph_, grid));
    const auto logit = graph_.split(logits, 2);
    const graph_scalar score = objectness_score<graph_scalar>({graph_, logit[0]}, {graph_, logit[1]});
    const graph_tensor scores = graph_.join(std::array{only_where(positive(area(grid)), score).tensor()});
    graph_candidates candidates;
    candidates.boxes = boxes;
    candidates.scores = scores;
    candidates.classes = 1;
    candidates.window = joined(window_);
    const auto& o = options_.loss.first;
    non_max_suppression_options suppression;
    suppression.score_threshold = o.nms_score_threshold;
    suppression.iou_threshold = o.nms_iou_threshold;
    suppression.max_detections_per_class = suppression.max_total_detections = o.max_proposals;
    suppression.change_coordinate_frame = false;
    return graph_.suppress(candidates, suppression);
  }

  graph_tensor decode(const graph_tensor& encodings, const graph_tensor& anchors) {
    return std::visit([&](const auto& coder) { return decode_boxes(graph_, coder, encodings, anchors); },
                      options_.box_coder);
  }

  graph_detections detect(const graph_detections& proposals) {
    const graph_tensor encodings = layers_.rows(refined_box_encodings), logits = layers_.rows(class_predictions);
    const int classes = options_.num_classes;
    const bool shared = std::visit([](const auto& p) { return p.shares_boxes(); }, options_.box_predictor);
    const int slots = shared ? 1 : classes;
    graph_.enter("SecondStagePostprocessor");
    const int code = net_.outputs[refined_box_encodings].columns / slots;
    const graph_tensor of_each = shared ? proposals.boxes : graph_.fold(graph_.repeat(proposals.boxes, 4, slots), 4);
    const graph_tensor boxes = decode(shared ? encodings : graph_.fold(encodings, code), of_each);
    const graph_tensor scores = convert_scores(graph_, options_.post_processing, logits, classes + 1);
    const graph_tensor objects = graph_.slice(scores, 1, classes);
    graph_detections found;
    if (graph_.wants_detections()) {
      const graph_tensor mask = graph_.join(std::array{proposals.valid});
      non_max_suppression_options suppression = options_.post_processing.suppression;
      suppression.change_coordinate_frame = true;
      graph_candidates candidates;
      candidates.boxes = boxes;
      candidates.scores = only_where({graph_, mask}, {graph_, objects}).tensor();
      candidates.classes = classes;
      candidates.boxes_per_row = slots;
      candidates.carried = scores;
      candidates.carried_columns = classes + 1;
      candidates.window = joined(window_);
      found = graph_.suppress(candidates, suppression);
      write_detections(graph_, found, suppression.max_total_detections, classes + 1);
    }
    graph_.enter("SecondStagePostprocessor");
    const graph_tensor best = shared ? boxes : graph_.of_best_class(boxes, objects, classes);
    write_raw(graph_, graph_rows(graph_, normalized(columns_of(best))), scores, classes + 1);
    return found;
  }

  /// The crops of what was found go through the second stage again.
  void write_masks(const graph_detections& found) {
    graph_.enter("MaskPostprocessor");
    const box<graph_scalar> b = columns_of(found.boxes);
    set_regions(1, graph_rows(graph_, {b.ymin * window_.ymax, b.xmin * window_.xmax, b.ymax * window_.ymax,
                                       b.xmax * window_.xmax}));
    layers_.write(1, net_.size());
    const graph_tensor logits = layers_.rows(detection_masks);
    graph_.enter("MaskPostprocessor");
    const mask_predictions p = options_.masks();
    const int detections = options_.post_processing.suppression.max_total_detections;
    const graph_tensor own = graph_.of_class(logits, found.classes, p.classes, detections, {p.height, p.width});
    const graph_tensor masks = graph_.apply(graph_function::sigmoid, own);
    graph_.output("detection_masks", masks, {-1, detections, p.height, p.width});
  }

  graph_writer& graph_;
  const faster_rcnn_options<Axes>& options_;
  const network& net_;
  layer_writer layers_;
  std::vector<int> regions_;
  graph_images images_;
  graph_scalar height_, width_;
  box<graph_scalar> window_;
};

}  // namespace detail

/// Writes image to detections, and to masks where there are three stages.
template <class Axes>
void write_faster_rcnn(graph_writer& graph, const faster_rcnn_options<Axes>& o, const network& net,
                       const pixel_transform& pixels) {
  detail::two_stage_graph<Axes>(graph, o, net).write(pixels);
}

}  // namespace odt
