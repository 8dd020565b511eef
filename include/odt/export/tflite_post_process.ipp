// SPDX-License-Identifier: MIT
// For other .ipp files of this room: TFLite_Detection_PostProcess, the operation that decodes an SSD's boxes and
// chooses among them, as the API's graph for TFLite and the .tflite file both say it.
#pragma once

#include <odt/box_coder.hpp>
#include <odt/core/error.hpp>
#include <odt/core/target.hpp>
#include <odt/detectors/graph_writer.hpp>
#include <odt/export/export_model.hpp>

#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace odt::detail::tflite {

inline constexpr const char* post_process = "TFLite_Detection_PostProcess";
inline constexpr const char* input_name = "normalized_input_image_tensor";
inline constexpr const char* encodings_name = "raw_outputs/box_encodings";
inline constexpr const char* scores_name = "raw_outputs/class_predictions";
inline constexpr const char* anchors_name = "anchors";

/// What an operation is told by name.
using attribute = std::pair<std::string, std::variant<bool, std::int32_t, float>>;

/// The network's input, which is one of constant size: TFLite resizes and normalizes nothing.
ODT_INLINE size2 input_size(const image_resizer& resizer) {
  if (resizer.what != image_resizer::kind::fixed_shape)
    fail("model.ssd.image_resizer: TFLite takes images of one size; it has to be a fixed_shape_resizer");
  return resizer.shape;
}

/// Anchors as the operation wants them, [anchors, 4]: center y, x, height, width.
ODT_INLINE std::vector<float> centers_of(std::span<const boxf> anchors) {
  std::vector<float> values;
  for (const boxf& b : anchors) {
    const center_box<float> c(b);
    values.insert(values.end(), {c.y, c.x, c.height, c.width});
  }
  return values;
}

ODT_INLINE std::vector<attribute> attributes_of(const graph_predictions& p, const non_max_suppression_options& o,
                                                const tflite_options& options) {
  if (o.soft()) fail("batch_non_max_suppression.soft_nms_sigma: ", o.soft_nms_sigma, " cannot be exported to TFLite");
  if (o.iou_threshold == 0)
    fail("batch_non_max_suppression.iou_threshold: 0 cannot be exported to TFLite; it has to be above");
  return {{"max_detections", options.max_detections},
          {"max_classes_per_detection", options.max_classes_per_detection},
          {"detections_per_class", options.detections_per_class},
          {"use_regular_nms", options.use_regular_nms},
          {"nms_score_threshold", o.score_threshold},
          {"nms_iou_threshold", o.iou_threshold},
          {"num_classes", p.classes},
          {"y_scale", p.scales[0]},
          {"x_scale", p.scales[1]},
          {"h_scale", p.scales[2]},
          {"w_scale", p.scales[3]}};
}

}  // namespace odt::detail::tflite
