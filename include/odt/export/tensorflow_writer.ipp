// SPDX-License-Identifier: MIT
// For other .ipp files of this room: a detector's inference as a TensorFlow graph, with the operations and names of the
// API's exporter.
#pragma once

#include <odt/detector.hpp>
#include <odt/detectors/graph_writer.hpp>
#include <odt/export/export_model.hpp>
#include <odt/export/tensorflow_graph.ipp>

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace odt::detail::tensorflow {

struct graph_options {
  graph_input input = graph_input::image_tensor;
  std::vector<int> input_shape{-1, -1, -1, 3};  ///< of images; -1: any
  bool frozen = true;                           ///< variables are constants
  std::optional<tflite_options> tflite{};       ///< given: the graph that TFLite's converter takes
};

/// An input or output of a written graph.
struct graph_port {
  std::string name;    ///< in the signature
  std::string tensor;  ///< "detection_boxes:0"
  element_type type = element_type::float32;
  std::vector<int> shape;  ///< -1: any extent
};

class writer final : public graph_writer {
 public:
  using tensor = graph_builder::tensor;

  /// Of a detector's state, whose values have to outlive the writer.
  writer(std::span<const state_tensor> state, const graph_options& options);

  void enter(std::string_view scope) override { graph_.enter(scope); }
  graph_images images(const image_resizer& resizer, const pixel_transform& pixels) override;
  graph_tensor write_layer(const network& net, int number, std::span<const graph_tensor> written) override;
  graph_tensor rows(const network& net, const network_output& output, std::span<const graph_tensor> written) override;
  graph_tensor constant(const std::vector<int>& shape, std::span<const float> values) override;
  graph_tensor apply(graph_function f, const graph_tensor& a, const graph_tensor& b) override;
  std::vector<graph_tensor> split(const graph_tensor& rows, int columns) override;
  graph_tensor join(std::span<const graph_tensor> columns) override;
  graph_tensor slice(const graph_tensor& rows, int first, int count) override;
  graph_tensor repeat(const graph_tensor& rows, int columns, int times) override;
  graph_tensor fold(const graph_tensor& rows, int columns) override;
  graph_tensor lay(const graph_tensor& map, std::span<const boxf> boxes, size2 stride) override;
  graph_tensor of_best_class(const graph_tensor& boxes, const graph_tensor& scores, int classes) override;
  graph_tensor of_class(const graph_tensor& rows, const graph_tensor& classes, int slots, int detections,
                        size2 size) override;
  graph_detections suppress(const graph_candidates& boxes, const non_max_suppression_options& options) override;
  bool decodes() const override { return options_.tflite.has_value(); }
  void decode(const graph_predictions& predictions, const non_max_suppression_options& options) override;
  void output(std::string_view name, const graph_tensor& tensor, const std::vector<int>& shape) override;

  /// Makes an operation that is there an output too; an error where it is not.
  void add_output(const std::string& operation);

  graph_builder& graph() { return graph_; }
  const proto::GraphDef& definition() const { return graph_.definition(); }
  const graph_port& input() const { return input_; }
  const std::vector<graph_port>& outputs() const { return outputs_; }
  /// The variables that the graph has, by name.
  std::vector<std::string> written_variables() const;

 private:
  tensor placeholder();
  graph_images normalized_images(const image_resizer& resizer);
  tensor encoded_picture(const tensor& example);
  tensor decoded(const tensor& strings);
  tensor channels(const char* name, const std::array<float, 3>& values);
  tensor transformed(const tensor& images, const pixel_transform& pixels);
  std::array<tensor, 2> inner_size(const image_resizer& resizer, const tensor& images);
  tensor padded_to_square(const image_resizer& resizer, const tensor& images, const std::array<tensor, 2>& inner);
  tensor side(const tensor& images, int axis);
  tensor resized(const image_resizer& resizer, const tensor& images, const tensor& size);
  tensor variable_of(const network& net, int number);

  tensor convolution(const network& net, const layer& l, const tensor& x);
  tensor batch_norm(const network& net, const layer& l, const tensor& x);
  tensor group_norm(const network& net, const layer& l, const tensor& x);
  tensor elementwise_of(const layer& l, const tensor& x);
  tensor padded_by(const tensor& x, const std::array<std::int32_t, 8>& zeros);
  tensor pool(const layer& l, const tensor& x);
  tensor upsampled(const layer& l, const tensor& x, const tensor& like);
  tensor padded(const layer& l, const tensor& x);
  tensor crops(const layer& l, const tensor& map, const tensor& boxes);
  tensor position_sensitive_crops(const layer& l, const tensor& map, const tensor& boxes);

  /// Of one image, after suppression.
  struct kept_boxes {
    tensor boxes, scores, classes, carried;
  };
  tensor gathered(const tensor& from, const tensor& indices);
  tensor suppressed(const tensor& boxes, const tensor& scores, int most, const non_max_suppression_options& o);
  kept_boxes kept_across_classes(const graph_candidates& c, const non_max_suppression_options& o,
                                 const std::vector<tensor>& image);
  kept_boxes kept_per_class(const graph_candidates& c, const non_max_suppression_options& o,
                            const std::vector<tensor>& image);
  void clip_to_window(const graph_candidates& c, bool change_frame, kept_boxes& kept);
  std::vector<tensor> best(const graph_candidates& c, int most, const kept_boxes& kept);

  std::map<std::string, std::span<const float>, std::less<>> values_;  ///< of variables, by name
  graph_options options_;
  graph_builder graph_;
  std::map<int, tensor> read_;  ///< variables, by number
  tensor images_;
  graph_port input_;
  std::vector<graph_port> outputs_;
};

}  // namespace odt::detail::tensorflow
