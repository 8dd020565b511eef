// SPDX-License-Identifier: MIT
// For other .ipp files of this room: what cpu::ssd_parts wants to know of a detector's inference. Layers are not
// written one by one: the kernels take the network as it is.
#pragma once

#include <odt/box_predictor.hpp>
#include <odt/core/error.hpp>
#include <odt/export/decoding_writer.ipp>
#include <odt/nn/network.hpp>
#include <odt/post_processing.hpp>

#include <array>
#include <cstddef>
#include <span>
#include <vector>

namespace odt::detail::cpp {

class writer final : public exporting::decoding_writer {
 public:
  void enter(std::string_view) override {}
  graph_images images(const image_resizer& how, const pixel_transform& change) override {
    resizer = how;
    pixels = change;
    graph_images result;
    result.pixels = somewhere();
    return result;
  }
  graph_tensor write_layer(const network& net, int, std::span<const graph_tensor>) override {
    layers = &net;
    return somewhere();
  }
  graph_tensor rows(const network&, const network_output&, std::span<const graph_tensor>) override {
    return somewhere();
  }
  graph_tensor apply(graph_function f, const graph_tensor&, const graph_tensor& b) override {
    if (f == graph_function::divide) post_processing.logit_scale = b.number.value();
    if (f == graph_function::sigmoid) post_processing.converter = score_converter::sigmoid;
    if (f == graph_function::softmax) post_processing.converter = score_converter::softmax;
    return somewhere();
  }
  void decode(const graph_predictions& p, const non_max_suppression_options& options) override {
    has_background = layers->outputs[class_logits].columns > p.classes;
    anchors.assign(p.anchors.begin(), p.anchors.end());
    scales = p.scales;
    post_processing.suppression = options;
  }

  // What the detector has said.
  const network* layers = nullptr;  ///< the detector's own
  image_resizer resizer;
  pixel_transform pixels;
  std::vector<boxf> anchors;
  std::array<float, 4> scales{};  ///< of faster_rcnn_box_coder
  post_processing_options post_processing;
  bool has_background = true;

 private:
  static graph_tensor somewhere() { return {.name = "in the network"}; }
};

}  // namespace odt::detail::cpp
