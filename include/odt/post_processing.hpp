// SPDX-License-Identifier: MIT
// From what a network predicts to detections: how scores become probabilities and which boxes survive. These are
// run-time values; the loops are in exec/.
#pragma once

#include <odt/calibration.hpp>
#include <odt/core/settings.hpp>
#include <odt/core/target.hpp>

#include <cmath>
#include <string>
#include <string_view>

namespace odt {

/// How class logits, divided by logit_scale, become scores. Softmax is over all columns, background among them.
enum class score_converter { identity, sigmoid, softmax };

/// The converter by its name in pipeline.config: "IDENTITY", "SIGMOID", "SOFTMAX".
inline score_converter parse_score_converter(const settings& field) {
  const std::string text = field.as<std::string>();
  if (text == "IDENTITY") return score_converter::identity;
  if (text == "SIGMOID") return score_converter::sigmoid;
  if (text == "SOFTMAX") return score_converter::softmax;
  fail(field.where(), "\"", text, "\" is not available; there are IDENTITY, SIGMOID, SOFTMAX");
}

/// The score of a logit, by score_converter::sigmoid.
template <class T>
ODT_HD constexpr T sigmoid_score(const T& logit, const T& scale) {
  using std::exp;
  return T(1) / (T(1) + exp(-(logit / scale)));
}

/// By score_converter::softmax a score is its logit's term divided by the sum of the row's terms; `largest` is the
/// row's largest logit.
template <class T>
ODT_HD constexpr T softmax_term(const T& logit, const T& largest, const T& scale) {
  using std::exp;
  return exp((logit - largest) / scale);
}

/// `post_processing.batch_non_max_suppression`.
struct non_max_suppression_options {
  float score_threshold = 0;   ///< a detection's score is above this
  float iou_threshold = 0.6f;  ///< a box goes when it overlaps a better one by more than this
  int max_detections_per_class = 100;
  int max_total_detections = 100;
  bool use_static_shapes = false;       ///< pads inside the API's graph; without effect
  bool use_class_agnostic_nms = false;  ///< boxes compete across classes, each with its best class
  int max_classes_per_detection = 1;    ///< only 1, as in the API
  float soft_nms_sigma = 0;             ///< above 0: overlap lowers scores (Bodla et al., 2017)
  bool use_partitioned_nms = false;     ///< the same in tiles; without effect
  bool change_coordinate_frame = true;  ///< boxes come out relative to the clip window
  bool use_hard_nms = false;            ///< soft_nms_sigma is not looked at
  bool use_cpu_nms = false;             ///< where the API places it; without effect

  /// Whether overlap lowers scores instead of ending boxes.
  constexpr bool soft() const { return soft_nms_sigma > 0 && !use_hard_nms; }

  static constexpr void fields(auto& o, auto&& field) {
    field("score_threshold", o.score_threshold);
    field("iou_threshold", o.iou_threshold);
    field("max_detections_per_class", o.max_detections_per_class);
    field("max_total_detections", o.max_total_detections);
    field("use_static_shapes", o.use_static_shapes);
    field("use_class_agnostic_nms", o.use_class_agnostic_nms);
    field("max_classes_per_detection", o.max_classes_per_detection);
    field("soft_nms_sigma", o.soft_nms_sigma);
    field("use_partitioned_nms", o.use_partitioned_nms);
    field("change_coordinate_frame", o.change_coordinate_frame);
    field("use_hard_nms", o.use_hard_nms);
    field("use_cpu_nms", o.use_cpu_nms);
  }

  /// Reads the message; one that the file leaves out gives the defaults.
  static non_max_suppression_options from(const settings& message) {
    if (message.children.empty()) return {};
    auto o = read_options<non_max_suppression_options>(message);
    if (!(o.iou_threshold >= 0 && o.iou_threshold <= 1))
      fail(message.where(), "iou_threshold ", o.iou_threshold, " is not between 0 and 1");
    if (o.max_detections_per_class < 1)
      fail(message.where(), "max_detections_per_class ", o.max_detections_per_class, " has to be 1 or more");
    if (o.max_detections_per_class > o.max_total_detections)
      fail(message.where(), "max_detections_per_class ", o.max_detections_per_class, " is above max_total_detections ",
           o.max_total_detections, "; it has to be equal or smaller");
    if (o.max_classes_per_detection != 1)
      fail(message.where(), "max_classes_per_detection ", o.max_classes_per_detection, " is not available; only 1 is");
    return o;
  }
};

/// `post_processing`.
struct post_processing_options {
  non_max_suppression_options suppression{};
  score_converter converter = score_converter::identity;
  float logit_scale = 1;
  calibration_options calibration{};

  /// Reads the message of a detector whose class predictions have so many columns.
  static post_processing_options from(const settings& message, int columns) {
    post_processing_options o;
    if (message.children.empty()) return o;
    message.read = true;
    o.suppression = non_max_suppression_options::from(message.at("batch_non_max_suppression"));
    o.converter = parse_score_converter(message.at("score_converter"));
    o.logit_scale = message.get<float>("logit_scale");
    o.calibration = calibration_options::from(message.at("calibration_config"), columns);
    return o;
  }
};

}  // namespace odt
