// SPDX-License-Identifier: MIT
// The parts of a detector's inference that families share, as a graph: layers, decoded boxes, scores.
#pragma once

#include <odt/box_coder.hpp>
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

/// Scores from class logits, the background among them.
inline graph_tensor convert_scores(graph_writer& graph, const post_processing_options& options,
                                   const graph_tensor& logits) {
  if (options.calibration)
    fail("post_processing.calibration_config.", options.calibration.name(), " cannot be exported");
  graph_tensor scaled = logits;
  if (options.logit_scale != 1) scaled = graph.apply(graph_function::divide, logits, {.number = options.logit_scale});
  switch (options.converter) {
    case score_converter::identity:
      return scaled;
    case score_converter::sigmoid:
      return graph.apply(graph_function::sigmoid, scaled);
    case score_converter::softmax:
      return graph.apply(graph_function::softmax, scaled);
  }
  return scaled;
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
