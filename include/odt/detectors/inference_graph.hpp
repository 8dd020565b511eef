// SPDX-License-Identifier: MIT
// The parts of a detector's inference that families share, as a graph: layers, decoded boxes, scores.
#pragma once

#include <odt/box_coder.hpp>
#include <odt/calibration.hpp>
#include <odt/core/error.hpp>
#include <odt/detectors/graph_scalar.hpp>
#include <odt/detectors/graph_writer.hpp>
#include <odt/nn/network.hpp>
#include <odt/post_processing.hpp>

#include <array>
#include <cstddef>
#include <span>
#include <string>
#include <vector>

namespace odt {

/// Writes a network's layers, as far as its outputs in inference depend on them.
class layer_writer {
 public:
  layer_writer(graph_writer& graph, const network& net)
      : graph_(graph), net_(net), needed_(layers_of_inference(net)), written_(needed_.size()) {}

  /// Sets the tensor of a layer that the detector itself makes: the images, regions.
  void set(int layer, const graph_tensor& tensor) { written_[static_cast<std::size_t>(layer)] = tensor; }

  /// Writes what is needed of the layers [first, last) and was not set.
  void write(int first, int last) {
    for (int i = first; i < last; ++i)
      if (const auto n = static_cast<std::size_t>(i); needed_[n] && !written_[n].given())
        written_[n] = graph_.write_layer(net_, i, written_);
  }

  const graph_tensor& operator[](int layer) const { return written_[static_cast<std::size_t>(layer)]; }

  /// The rows of an output.
  graph_tensor rows(int output) const {
    return graph_.rows(net_, net_.outputs[static_cast<std::size_t>(output)], written_);
  }

 private:
  static std::vector<bool> layers_of_inference(const network& net) {
    std::vector<bool> needed(static_cast<std::size_t>(net.size()), false);
    for (const network_output& o : net.outputs)
      if (o.wanted(run_mode::infer))
        for (const int l : o.layers) needed[static_cast<std::size_t>(l)] = true;
    for (int i = net.size() - 1; i >= 0; --i)
      if (needed[static_cast<std::size_t>(i)])
        for (const int input : net[i].inputs) needed[static_cast<std::size_t>(input)] = true;
    return needed;
  }

  graph_writer& graph_;
  const network& net_;
  std::vector<bool> needed_;
  std::vector<graph_tensor> written_;  ///< by layer
};

/// Boxes as four columns, for formulas.
inline box<graph_scalar> graph_box(graph_writer& graph, const graph_tensor& rows) {
  const auto c = graph.split(rows, 4);
  return {{graph, c[0]}, {graph, c[1]}, {graph, c[2]}, {graph, c[3]}};
}

/// The part of each box that one bin of its position-sensitive crop reads (core/crop_taps.hpp).
inline graph_tensor boxes_of_bin(graph_writer& graph, const box<graph_scalar>& b, size2 bins, int y, int x) {
  const auto border = [](const graph_scalar& begin, const graph_scalar& end, int i, int parts) {
    return (begin + graph_scalar(i) * ((end - begin) / graph_scalar(parts))).tensor();
  };
  return graph.join(std::array{border(b.ymin, b.ymax, y, bins.height), border(b.xmin, b.xmax, x, bins.width),
                               border(b.ymin, b.ymax, y + 1, bins.height), border(b.xmin, b.xmax, x + 1, bins.width)});
}

/// Rows of 4 from a box of columns.
inline graph_tensor graph_rows(graph_writer& graph, const box<graph_scalar>& b) {
  return graph.join(std::array{b.ymin.tensor(), b.xmin.tensor(), b.ymax.tensor(), b.xmax.tensor()});
}

/// Anchors as a constant [anchors, 4].
inline graph_tensor graph_constant(graph_writer& graph, std::span<const boxf> boxes) {
  std::vector<float> values;
  for (const boxf& b : boxes) values.insert(values.end(), {b.ymin, b.xmin, b.ymax, b.xmax});
  return graph.constant({static_cast<int>(boxes.size()), 4}, values);
}

/// Boxes [batch, anchors, 4] from encodings [batch, anchors, code size] and anchors of either number of dimensions.
template <box_coder Coder>
graph_tensor decode_boxes(graph_writer& graph, const Coder& coder, const graph_tensor& encodings,
                          const graph_tensor& anchors) {
  const box<graph_scalar> anchor = graph_box(graph, anchors);
  const auto columns = graph.split(encodings, Coder::code_size);
  box_code<Coder, graph_scalar> code;
  for (std::size_t i = 0; i < code.size(); ++i) code[i] = {graph, columns[i]};
  return graph_rows(graph, coder.decode(code, anchor));
}

/// Scores where `mask` is 1, -1 where it is 0: below every threshold.
inline graph_scalar only_where(const graph_scalar& mask, const graph_scalar& scores) {
  return scores * mask + (mask - graph_scalar(1.0f));
}

/// A piecewise linear function: of each piece, as much as lies below the score.
inline graph_scalar interpolate(const graph_scalar& score, std::span<const calibration_pair> points) {
  graph_scalar result = score * graph_scalar(0) + graph_scalar(points.front().y);
  for (std::size_t i = 1; i < points.size(); ++i) {
    const calibration_pair a = points[i - 1], b = points[i];
    if (a.y == b.y) continue;
    const graph_scalar share = b.x > a.x ? (score - graph_scalar(a.x)) / graph_scalar(b.x - a.x)
                                         : graph_scalar(1) - positive(graph_scalar(b.x) - score);
    result = result + graph_scalar(b.y - a.y) * min(max(share, graph_scalar(0)), graph_scalar(1));
  }
  return result;
}

/// Probabilities of scores by one function of a calibration.
inline graph_scalar calibrate(calibration_kind kind, std::span<const calibration_pair> function,
                              const graph_scalar& score) {
  if (function.empty()) return score;
  switch (kind) {
    case calibration_kind::interpolation:
      return interpolate(score, function);
    case calibration_kind::sigmoid:
      return graph_scalar(1) /
             (graph_scalar(1) + exp(graph_scalar(function[0].x) * score + graph_scalar(function[0].y)));
    case calibration_kind::temperature:
      return score / graph_scalar(function[0].x);
    case calibration_kind::none:
      break;
  }
  return score;
}

/// Probabilities of scores [batch, rows, columns].
inline graph_tensor calibrate(graph_writer& graph, const calibration_options& how, const graph_tensor& scores,
                              int columns) {
  if (!how) return scores;
  const auto function = [&](std::size_t i) {
    return std::span(how.pairs).subspan(static_cast<std::size_t>(how.begins[i]),
                                        static_cast<std::size_t>(how.begins[i + 1] - how.begins[i]));
  };
  if (!how.by_class) return calibrate(how.kind, function(0), {graph, scores}).tensor();
  std::vector<graph_tensor> all = graph.split(scores, columns);
  for (std::size_t i = 0; i < all.size() && i + 1 < how.begins.size(); ++i)
    all[i] = calibrate(how.kind, function(i), {graph, all[i]}).tensor();
  return graph.join(all);
}

/// Scores from class logits of so many columns, the background among them.
inline graph_tensor convert_scores(graph_writer& graph, const post_processing_options& options,
                                   const graph_tensor& logits, int columns) {
  graph_tensor scaled = logits;
  if (options.logit_scale != 1) scaled = graph.apply(graph_function::divide, logits, {.number = options.logit_scale});
  switch (options.converter) {
    case score_converter::identity:
      break;
    case score_converter::sigmoid:
      scaled = graph.apply(graph_function::sigmoid, scaled);
      break;
    case score_converter::softmax:
      scaled = graph.apply(graph_function::softmax, scaled);
      break;
  }
  return calibrate(graph, options.calibration, scaled, columns);
}

/// What detections are chosen from: the API's raw outputs.
inline void write_raw(graph_writer& graph, const graph_tensor& boxes, const graph_tensor& scores, int class_slots) {
  graph.output("raw_detection_boxes", boxes, {-1, -1, 4});
  graph.output("raw_detection_scores", scores, {-1, -1, class_slots});
}

/// The outputs that say what was found, by the API's names; `most` detections an image.
inline void write_detections(graph_writer& graph, const graph_detections& found, int most, int class_slots) {
  graph.enter("");
  const graph_tensor classes = graph.apply(graph_function::add, found.classes, {.number = 1.0f});
  graph.output("detection_boxes", found.boxes, {-1, most, 4});
  graph.output("detection_scores", found.scores, {-1, most});
  graph.output("detection_multiclass_scores", found.carried, {-1, most, class_slots});
  graph.output("detection_classes", classes, {-1, most});
  graph.output("num_detections", found.count, {-1});
}

}  // namespace odt
