// SPDX-License-Identifier: MIT
// For other .ipp files of this room: an SSD's inference as a TFLite graph in float32, for one image at a time. Maps are
// [1, height, width, channels]. Batch norms and clamps are part of the operations before them, where nobody else reads
// these.
#pragma once

#include <odt/detector.hpp>
#include <odt/detectors/graph_writer.hpp>
#include <odt/export/decoding_writer.ipp>
#include <odt/export/export_model.hpp>
#include <odt/export/tflite_graph.ipp>
#include <odt/nn/shapes.hpp>

#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace odt::detail::tflite {

class writer final : public exporting::decoding_writer {
 public:
  using tensor = graph_builder::tensor;

  /// Of a detector's state, whose values have to outlive the writer.
  writer(std::span<const state_tensor> state, const tflite_options& options) : options_(options) {
    for (const state_tensor& t : state)
      if (t.model_variable) values_.emplace(t.name, t.values);
  }

  void enter(std::string_view scope) override { graph_.enter(scope); }
  graph_images images(const image_resizer& resizer, const pixel_transform& pixels) override;
  graph_tensor write_layer(const network& net, int number, std::span<const graph_tensor> written) override;
  graph_tensor rows(const network& net, const network_output& output, std::span<const graph_tensor> written) override;
  graph_tensor apply(graph_function f, const graph_tensor& a, const graph_tensor& b) override;
  void decode(const graph_predictions& predictions, const non_max_suppression_options& options) override;

  const graph_builder& graph() const { return graph_; }

 private:
  /// What a layer's operation does besides, because nobody else reads between.
  struct tail {
    const layer* norm = nullptr;
    fused_activation act = fused_activation::none;
    std::string name{};  ///< of the last layer
  };
  tail tail_of(const network& net, int number, bool with_norm);

  /// A batch norm in inference: x * scale + shift, a channel each.
  struct affine {
    std::vector<float> scale, shift;
  };
  affine affine_of(const network& net, const layer& norm) const;

  void follow(const network& net);
  /// None where there is no such variable (-1).
  std::span<const float> values_of(const network& net, int variable) const;
  std::vector<int> shape_of(int number) const;
  tensor vector_of(const network& net, int variable);
  tensor weights_of(const network& net, const layer& l, const affine* norm);
  tensor biases_of(const network& net, const layer& l, const affine* norm);
  tensor convolution(const network& net, int number, const tensor& input);
  tensor batch_norm(const network& net, int number, const tensor& x);
  tensor group_norm(const network& net, int number, const tensor& x);
  tensor elementwise_of(const layer& l, const tensor& x);
  tensor clipped(const layer& l, const tensor& x);
  tensor pool(const layer& l, const tensor& x, const std::vector<int>& shape);
  tensor joined(const network& net, int number, builtin what, const tensor& a, const tensor& b);
  tensor padded(const layer& l, const tensor& x, const std::vector<std::int32_t>& zeros);
  tensor upsampled(const layer& l, const tensor& x, const std::vector<int>& shape);

  std::map<std::string, std::span<const float>, std::less<>> values_;  ///< of variables, by name
  tflite_options options_;
  graph_builder graph_;
  size2 size_;                    ///< of the images
  std::vector<shape3> shapes_;    ///< of layers
  std::vector<int> only_reader_;  ///< of each layer; -1: there are none or several, or it is an output
  std::set<int> absorbed_;        ///< layers that an operation before them does
  std::map<int, tensor> shared_;  ///< variables that are written as they are, by number
};

}  // namespace odt::detail::tflite
