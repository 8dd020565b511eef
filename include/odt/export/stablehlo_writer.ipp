// SPDX-License-Identifier: MIT
// For other .ipp files of this room: an SSD's inference as a module of StableHLO. All shapes are fixed, and layers are
// those of exec/pjrt/network_trace.hpp. Maps are [batch, height, width, channels].
#pragma once

#include <odt/detector.hpp>
#include <odt/detectors/graph_writer.hpp>
#include <odt/exec/pjrt/module_builder.hpp>
#include <odt/exec/pjrt/network_trace.hpp>

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace odt::detail::stablehlo {

class writer final : public graph_writer {
 public:
  using tensor = pjrt::tensor;

  /// Of a detector's state, whose values have to outlive the writer; for images of `input_shape`. Without
  /// `post_process` only the raw boxes and scores are outputs.
  writer(std::span<const state_tensor> state, std::vector<int> input_shape, bool post_process)
      : input_shape_(std::move(input_shape)), post_process_(post_process) {
    for (const state_tensor& t : state)
      if (t.model_variable) values_.emplace(t.name, t.values);
  }

  void enter(std::string_view) override {}
  bool wants_detections() const override { return post_process_; }
  graph_images images(const image_resizer& resizer, const pixel_transform& pixels) override;
  graph_tensor write_layer(const network& net, int number, std::span<const graph_tensor> written) override;
  graph_tensor rows(const network& net, const network_output& output, std::span<const graph_tensor> written) override;
  graph_tensor constant(const std::vector<int>& shape, std::span<const float> values) override;
  graph_tensor apply(graph_function f, const graph_tensor& a, const graph_tensor& b) override;
  std::vector<graph_tensor> split(const graph_tensor& rows, int columns) override;
  graph_tensor join(std::span<const graph_tensor> columns) override;
  graph_tensor slice(const graph_tensor& rows, int first, int count) override;
  graph_tensor repeat(const graph_tensor&, int, int) override { refuse_two_stages(); }
  graph_tensor fold(const graph_tensor&, int) override { refuse_two_stages(); }
  graph_tensor lay(const graph_tensor&, std::span<const boxf>, size2) override { refuse_two_stages(); }
  graph_tensor of_best_class(const graph_tensor&, const graph_tensor&, int) override { refuse_two_stages(); }
  graph_tensor of_class(const graph_tensor&, const graph_tensor&, int, int, size2) override { refuse_two_stages(); }
  graph_detections suppress(const graph_candidates& boxes, const non_max_suppression_options& options) override;
  void output(std::string_view name, const graph_tensor& what, const std::vector<int>& shape) override;

  /// The module, and above it what it takes and gives, for people.
  std::string text() const;

  [[noreturn]] static void refuse_two_stages();

 private:
  /// Boxes that were chosen of each class, and their scores: [batch, classes, most].
  struct chosen_boxes {
    tensor scores, rows;
  };

  const tensor& of(const graph_tensor& t) const { return tensors_.at(t.name); }
  graph_tensor put(tensor t);
  tensor operand(const graph_tensor& t);
  /// Two operands as of as many axes: those that one lacks come before its own.
  void align(tensor& a, tensor& b);
  tensor softmax(const tensor& rows);
  tensor per_channel(const std::array<float, 3>& values);
  tensor resized(const tensor& images, resize_method method, int axis, int out);
  graph_tensor padded(const tensor& images, const image_resizer& resizer, size2 inner, graph_images& result);
  chosen_boxes choose(const graph_candidates& c, const non_max_suppression_options& o);
  /// Which row of each image: indices for module_builder::rows.
  tensor of_each_image(const tensor& rows);

  std::map<std::string, std::span<const float>, std::less<>> values_;  ///< of variables, by name
  std::vector<int> input_shape_;
  bool post_process_;
  pjrt::module_builder module_;
  std::map<std::string, tensor> tensors_;
  std::vector<tensor> variables_;
  std::optional<pjrt::network_trace> layers_;
  std::string inputs_, outputs_;  ///< a line each
};

}  // namespace odt::detail::stablehlo
