// SPDX-License-Identifier: MIT
#pragma once

#include <odt/core/target.hpp>
#include <odt/detectors/axes.hpp>
#include <odt/serve/signature.hpp>
#include <odt/serve/status.hpp>

#include <algorithm>

namespace odt::serve {

namespace detail::signing {

ODT_INLINE tensor_description images(std::string name) {
  std::string graph_name = str(name, ":0");
  return {std::move(name), std::move(graph_name), element_type::uint8, {-1, -1, -1, 3}};
}

ODT_INLINE tensor_description strings(std::string name) {
  std::string graph_name = str(name, ":0");
  return {std::move(name), std::move(graph_name), element_type::string, {-1}};
}

/// The API's names, of all kinds of exports.
inline constexpr std::string_view input_names[] = {
    "inputs",     "input_tensor", "image_tensor", "encoded_image_string_tensor", "serialized_example",
    "tf_example", "examples",     "image_bytes"};

/// A number of the message that a path leads to, or `otherwise`.
ODT_INLINE std::int64_t number_at(const settings& root, std::string_view path, std::string_view field,
                                  std::int64_t otherwise) {
  const settings* message = odt::detail::find_message(root, path);
  const settings* value = message ? message->find(field) : nullptr;
  return value && !value->text.empty() ? value->as<std::int64_t>() : otherwise;
}

/// Lays one image's detections into row i of the outputs.
ODT_INLINE void fill_row(output_tensors& out, std::size_t i, const detections& found, const output_layout& layout) {
  const auto most = static_cast<std::size_t>(layout.most);
  const std::size_t count = std::min(found.size(), most);
  const auto mask_size = static_cast<std::size_t>(layout.mask_height * layout.mask_width);
  float* const boxes = out["detection_boxes"].values.data() + i * most * 4;
  float* const scores = out["detection_scores"].values.data() + i * most;
  float* const classes = out["detection_classes"].values.data() + i * most;
  for (std::size_t k = 0; k < count; ++k) {
    const boxf& b = found[k].bounds;
    boxes[4 * k] = b.ymin, boxes[4 * k + 1] = b.xmin, boxes[4 * k + 2] = b.ymax, boxes[4 * k + 3] = b.xmax;
    scores[k] = found[k].score;
    classes[k] = static_cast<float>(found[k].label + 1);
    if (mask_size && found[k].mask.pixels.size() == mask_size)
      std::ranges::copy(found[k].mask.pixels, out["detection_masks"].values.data() + (i * most + k) * mask_size);
  }
  std::fill(classes + count, classes + most, 1.0f);
  out["num_detections"].values[i] = static_cast<float>(count);
}

}  // namespace detail::signing

ODT_INLINE output_layout output_layout::from(const settings& root) {
  namespace d = detail::signing;
  output_layout layout;
  for (const std::string_view path : {"model.ssd.post_processing.batch_non_max_suppression",
                                      "model.faster_rcnn.second_stage_post_processing.batch_non_max_suppression"})
    if (odt::detail::find_message(root, path))
      layout.most = d::number_at(root, path, "max_total_detections", layout.most);
  if (d::number_at(root, "model.faster_rcnn", "number_of_stages", 2) == 1)
    layout.most = d::number_at(root, "model.faster_rcnn", "first_stage_max_proposals", 300);
  constexpr std::string_view masks = "model.faster_rcnn.second_stage_box_predictor.mask_rcnn_box_predictor";
  if (d::number_at(root, "model.faster_rcnn", "number_of_stages", 2) == 3 && odt::detail::find_message(root, masks)) {
    layout.mask_height = d::number_at(root, masks, "mask_height", 15);
    layout.mask_width = d::number_at(root, masks, "mask_width", 15);
  }
  return layout;
}

ODT_INLINE const std::vector<signature>& signatures() {
  namespace d = detail::signing;
  static const std::vector<signature> all{
      {.name = "serving_default", .inputs = {d::images("inputs")}},
      {.name = "detection_signature", .inputs = {d::images("inputs")}},
      {.name = "tensorflow/serving/predict", .inputs = {d::strings("serialized_example")}}};
  return all;
}

ODT_INLINE std::vector<tensor_description> outputs_of(const output_layout& layout) {
  constexpr auto float32 = element_type::float32;
  std::vector<tensor_description> all{{"detection_boxes", "detection_boxes:0", float32, {-1, layout.most, 4}},
                                      {"detection_classes", "detection_classes:0", float32, {-1, layout.most}},
                                      {"detection_scores", "detection_scores:0", float32, {-1, layout.most}},
                                      {"num_detections", "num_detections:0", float32, {-1}}};
  if (layout.mask_height > 0)
    all.push_back(
        {"detection_masks", "detection_masks:0", float32, {-1, layout.most, layout.mask_height, layout.mask_width}});
  return all;
}

ODT_INLINE const signature& find_signature(std::string_view name) {
  const auto& all = signatures();
  if (name.empty()) return all.front();
  const auto found = std::ranges::find(all, name, &signature::name);
  if (found == all.end())
    refuse(code::failed_precondition, "Serving signature name: \"", name, "\" not found in signature def");
  return *found;
}

ODT_INLINE input_tensors::const_iterator only_input(const input_tensors& inputs, const signature& of) {
  namespace d = detail::signing;
  const std::string expected = join(d::input_names, ", ");
  if (inputs.empty())
    refuse(code::invalid_argument, "input size does not match signature: 0!=1; one of ", expected, " is taken");
  if (inputs.size() > 1)
    refuse(code::invalid_argument, "input size does not match signature: ", inputs.size(), "!=1; one of ", expected,
           " is taken");
  if (std::ranges::find(d::input_names, inputs.begin()->first) == std::end(d::input_names))
    refuse(code::invalid_argument, "input tensor alias not found in signature: ", inputs.begin()->first,
           ". Inputs expected to be in the set {", of.inputs.front().name, "}; any of ", expected, " is taken");
  return inputs.begin();
}

ODT_INLINE void check_filter(const output_layout& layout, const std::vector<std::string>& filter) {
  const auto all = outputs_of(layout);
  for (const std::string& name : filter)
    if (std::ranges::find(all, name, &tensor_description::name) == all.end())
      refuse(code::invalid_argument, "output tensor alias not found in signature: ", name,
             " Outputs expected to be in the set {",
             join(
                 [&] {
                   std::vector<std::string> names;
                   for (const auto& one : all) names.push_back(one.name);
                   return names;
                 }(),
                 ","),
             "}.");
}

ODT_INLINE output_tensors make_outputs(const std::vector<detections>& found, const output_layout& layout,
                                       const std::vector<std::string>& filter) {
  check_filter(layout, filter);
  output_tensors out;
  for (const tensor_description& one : outputs_of(layout)) {
    output_tensor& tensor = out[one.name];
    tensor.shape = one.shape;
    tensor.shape[0] = static_cast<std::int64_t>(found.size());
    std::size_t size = 1;
    for (const std::int64_t extent : tensor.shape) size *= static_cast<std::size_t>(extent);
    tensor.values.resize(size);
  }
  for (std::size_t i = 0; i < found.size(); ++i) detail::signing::fill_row(out, i, found[i], layout);
  if (!filter.empty())
    std::erase_if(out, [&](const auto& one) { return std::ranges::find(filter, one.first) == filter.end(); });
  return out;
}

}  // namespace odt::serve
