// SPDX-License-Identifier: MIT
// PASCAL VOC's metrics of boxes and of masks (Everingham et al., "The PASCAL visual object classes challenge", IJCV
// 2010; average precision over all points, as since 2010), as the Object Detection API computes them.
#pragma once

#include <odt/core/run_lengths.hpp>
#include <odt/metric.hpp>

#include <cstdint>

namespace odt {

/// A detection after matching.
struct scored_match {
  float score;
  bool right;
};

/// Matches the detections of one class in one image, in the order of falling scores, each with the ground truth that it
/// overlaps most. It is right when that overlap reaches the threshold and no earlier one found the same object, and
/// left out when that object is difficult, or when it lies by the threshold within a group. Boxes without area are left
/// out. `difficult` and `group_of` are empty or one a box.
std::vector<scored_match> match_by_largest_overlap(std::span<const detection> found, std::span<const boxf> truth,
                                                   std::span<const std::uint8_t> difficult,
                                                   std::span<const std::uint8_t> group_of, float threshold);

/// The same for masks; `pixels` are those of `found`, which are left out by their boxes.
std::vector<scored_match> match_by_largest_overlap(std::span<const detection> found,
                                                   std::span<const run_lengths> pixels,
                                                   std::span<const run_lengths> truth,
                                                   std::span<const std::uint8_t> difficult,
                                                   std::span<const std::uint8_t> group_of, float threshold);

struct precision_recall {
  std::vector<double> precision, recall;
};

/// Precision and recall after each match, by falling score; `expected` is the number of objects to be found.
precision_recall precision_and_recall(std::vector<scored_match> matches, double expected);

/// The area under precision (made monotonous) over recall. 0 without points.
double average_precision(const precision_recall& curve);

/// What PASCAL VOC's metrics compare, in pixels of the original image.
enum class compared_shapes { boxes, masks };

/// Average precision of each class at one IoU. Difficult objects neither count nor harm; classes without ground truth
/// are NaN and stay out of the mean. When `weighted`, the mean is the average precision of all classes' detections
/// taken together. With masks, an image whose objects or detections have none is an error that names it.
class pascal_voc_metrics : public metric {
 public:
  pascal_voc_metrics(metric_settings settings, bool weighted, float matching_iou_threshold = .5f,
                     compared_shapes shapes = compared_shapes::boxes);

  void add_image(std::string_view id, const labels& truth, const detections& found, size2 size) override;
  metric_values evaluate() const override;
  std::string report() const override;

 private:
  struct summary {
    double mean;
    std::vector<double> classes;
  };
  summary summarize() const;
  void match_class(std::size_t label, const labels& truth, const detections& found, size2 size);

  metric_settings settings_;
  bool weighted_;
  float threshold_;
  compared_shapes shapes_;
  std::vector<std::vector<scored_match>> matches_;  // by class
  std::vector<std::int64_t> expected_;              // by class
};

struct pascal_voc_detection_metrics final : pascal_voc_metrics {
  static constexpr std::string_view name = "pascal_voc_detection_metrics";
  explicit pascal_voc_detection_metrics(metric_settings settings) : pascal_voc_metrics(std::move(settings), false) {}
};

struct weighted_pascal_voc_detection_metrics final : pascal_voc_metrics {
  static constexpr std::string_view name = "weighted_pascal_voc_detection_metrics";
  explicit weighted_pascal_voc_detection_metrics(metric_settings settings)
      : pascal_voc_metrics(std::move(settings), true) {}
};

struct pascal_voc_instance_segmentation_metrics final : pascal_voc_metrics {
  static constexpr std::string_view name = "pascal_voc_instance_segmentation_metrics";
  explicit pascal_voc_instance_segmentation_metrics(metric_settings settings)
      : pascal_voc_metrics(std::move(settings), false, .5f, compared_shapes::masks) {}
};

struct weighted_pascal_voc_instance_segmentation_metrics final : pascal_voc_metrics {
  static constexpr std::string_view name = "weighted_pascal_voc_instance_segmentation_metrics";
  explicit weighted_pascal_voc_instance_segmentation_metrics(metric_settings settings)
      : pascal_voc_metrics(std::move(settings), true, .5f, compared_shapes::masks) {}
};

}  // namespace odt

#if defined(ODT_HEADER_ONLY)
#include <odt/metrics/pascal_voc.ipp>
#endif
