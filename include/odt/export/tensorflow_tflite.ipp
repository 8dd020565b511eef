// SPDX-License-Identifier: MIT
// For other .ipp files of this room: the graph of the API's export_tflite_ssd_graph, which TFLite's converter takes.
#pragma once

#include <odt/core/target.hpp>
#include <odt/export/tensorflow_writer.ipp>
#include <odt/export/tflite_post_process.ipp>

#include <array>
#include <concepts>
#include <span>
#include <variant>
#include <vector>

namespace odt::detail::tensorflow {

/// Images that are preprocessed already.
ODT_INLINE graph_images writer::normalized_images(const image_resizer& resizer) {
  const size2 size = tflite::input_size(resizer);
  input_.shape = {1, size.height, size.width, 3};
  graph_.enter("");
  images_ = graph_.add("Placeholder", tflite::input_name, {},
                       {type_attribute("dtype", float_type), shape_attribute("shape", input_.shape)});
  input_.name = "inputs";
  input_.tensor = images_ + ":0";
  graph_images result;
  result.pixels = {images_};
  return result;
}

ODT_INLINE void writer::decode(const graph_predictions& p, const non_max_suppression_options& o) {
  graph_.enter("");
  const std::array inputs{
      graph_.add("Identity", tflite::encodings_name, {p.encodings.name}, {type_attribute("T", float_type)}),
      graph_.add("Identity", tflite::scores_name, {p.scores.name}, {type_attribute("T", float_type)}),
      graph_.constant(tflite::anchors_name, {static_cast<int>(p.anchors.size()), 4},
                      std::span<const float>(tflite::centers_of(p.anchors)))};
  if (!options_.tflite->add_postprocessing_op) return;
  proto::AttrValue types;
  for (int i = 0; i < 4; ++i) types.mutable_list()->add_type(static_cast<int>(float_type));
  std::vector<graph_attribute> attributes{attribute("_output_quantized", true),
                                          {"_output_types", types},
                                          attribute("_support_output_type_float_in_quantized_op", true)};
  for (const auto& [name, value] : tflite::attributes_of(p, o, *options_.tflite))
    attributes.push_back(std::visit(
        [&name](auto v) {
          if constexpr (std::same_as<decltype(v), float>)
            return float_attribute(name, v);
          else
            return attribute(name, v);
        },
        value));
  graph_.add_named(tflite::post_process, tflite::post_process, {inputs.begin(), inputs.end()}, attributes);
}

}  // namespace odt::detail::tensorflow
