// SPDX-License-Identifier: MIT
// For other .ipp files of this room: a detector's inference as an ONNX graph (opset 17). Maps are
// [batch, channels, height, width].
#pragma once

#include <odt/detector.hpp>
#include <odt/detectors/graph_writer.hpp>
#include <odt/export/onnx_graph.ipp>

#include <functional>
#include <map>
#include <set>
#include <span>
#include <string>
#include <vector>

namespace odt::detail::onnx {

inline constexpr int opset = 17;

class writer final : public graph_writer {
 public:
  using tensor = graph_builder::tensor;

  /// Of a detector's state, whose values have to outlive the writer; for images of `input_shape` (-1: any). Without
  /// `post_process` only the raw boxes and scores are outputs.
  writer(std::span<const state_tensor> state, std::vector<int> input_shape, bool post_process)
      : input_shape_(std::move(input_shape)), post_process_(post_process) {
    for (const state_tensor& t : state)
      if (t.model_variable) values_.emplace(t.name, t.values);
  }

  void enter(std::string_view scope) override { graph_.enter(scope); }
  bool wants_detections() const override { return post_process_; }
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
  void output(std::string_view name, const graph_tensor& what, const std::vector<int>& shape) override {
    graph_.enter("");
    graph_.declare_output(std::string(name), what.name, shape);
  }

  const proto::onnx::GraphProto& definition() const { return graph_.definition(); }

 private:
  tensor resized(const image_resizer& resizer, const tensor& images, const tensor& height, const tensor& width);
  tensor blended(const tensor& images, const tensor& height, const tensor& width);
  tensor vector_of(const network& net, int number, const std::vector<std::int64_t>& shape = {});
  tensor weights_of(const network& net, const layer& l);
  tensor convolution(const network& net, const layer& l, const tensor& x);
  tensor group_norm(const network& net, const layer& l, const tensor& x);
  tensor elementwise_of(const layer& l, const tensor& x);
  tensor clipped(const tensor& x, float low, float high);
  tensor pool(const layer& l, const tensor& x);
  tensor upsampled(const layer& l, const tensor& x, const tensor& like);
  tensor padded(const layer& l, const tensor& x);
  tensor crops(const layer& l, const tensor& map, const tensor& boxes);
  tensor position_sensitive_crops(const layer& l, const tensor& map, const tensor& boxes);

  std::map<std::string, std::span<const float>, std::less<>> values_;  ///< of variables, by name
  std::set<std::string> written_;                                      ///< variables
  std::vector<int> input_shape_;
  bool post_process_;
  graph_builder graph_;
  tensor images_;
};

}  // namespace odt::detail::onnx
