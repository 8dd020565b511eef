// SPDX-License-Identifier: MIT
// COCO's metrics of boxes and of masks (Lin et al., "Microsoft COCO: common objects in context", ECCV 2014; the numbers
// are those of pycocotools' COCOeval).
#pragma once

#include <odt/metric.hpp>

#include <array>
#include <cstdint>

namespace odt {

/// The twelve numbers: AP at IoU .50:.95, .50, .75, of small, medium and large objects; AR with 1, 10 and 100
/// detections an image and class, of small, medium and large objects. -1 where there is no ground truth.
using coco_summary = std::array<double, 12>;

/// COCO's average precision and recall, whatever is compared. Areas of the ground truth are those of the record, or the
/// box's where the record has none; crowds may be found any number of times or not at all. Equal scores keep the order
/// in which the images were added.
class coco_metrics : public metric {
 public:
  static constexpr int thresholds = 10;  ///< IoU .50, .55, ..., .95
  static constexpr int recalls = 101;    ///< recall 0, .01, ..., 1
  static constexpr int areas = 4;        ///< all, small (up to 32 x 32), medium (up to 96 x 96), large

  /// One class: interpolated precision by area, threshold and recall (at most 100 detections an image), and recall by
  /// cut (all areas with 1, 10 and 100 detections; small, medium and large with 100) and threshold. Areas without
  /// ground truth are -1.
  struct curves {
    std::vector<double> precision;  ///< areas x thresholds x recalls
    std::array<std::array<double, thresholds>, 6> recall;
  };

  metric_values evaluate() const override;
  std::string report() const override;

  /// Precision and recall of every class.
  std::vector<curves> accumulate() const;

  /// The twelve numbers over some classes.
  static coco_summary summarize(std::span<const curves> classes);

 protected:
  /// Tags begin with the prefix; the report counts `things`.
  coco_metrics(metric_settings settings, std::string_view prefix, std::string_view things);

  /// Adds the objects and detections of an image, class by class. Shapes makes what is compared (of_truth(i),
  /// of_found(i)), measures it (area) and compares two (overlap(found, truth, crowd)). No shape is kept.
  template <class Shapes>
  void add(std::string_view id, const labels& truth, const detections& found, size2 size, const Shapes& shapes);

 private:
  /// A detection among the first hundred of its image and class. Bit area * thresholds + threshold tells what became
  /// of it.
  struct outcome {
    float score;
    int rank;  // by falling score in its image and class
    std::uint64_t matched, ignored;
  };
  struct truth_object {
    double area;
    bool crowd;
  };
  struct found_object {
    double area;
    float score;
  };

  /// Of one class in one image, with their overlaps in overlaps_.
  void match(int label, std::span<const truth_object> truth, std::span<const found_object> found);
  void find_hopeful(std::size_t truth, std::size_t found);
  void match_area(int area, std::span<const truth_object> truth, std::span<outcome> outcomes);
  curves accumulate(std::size_t label) const;

  metric_settings settings_;
  std::string_view prefix_, things_;
  std::vector<std::vector<outcome>> outcomes_;             // by class
  std::vector<std::array<std::int64_t, areas>> expected_;  // by class: ground truth that counts

  struct hopeful {  // a detection that reaches the lowest threshold
    std::size_t number;
    double largest_overlap;
  };
  std::vector<double> overlaps_;  // scratch: found x truth
  std::vector<hopeful> hopeful_;
  std::vector<std::size_t> order_;
  std::vector<std::uint8_t> taken_;
};

/// Boxes are compared, in pixels of the original image.
class coco_detection_metrics final : public coco_metrics {
 public:
  static constexpr std::string_view name = "coco_detection_metrics";

  explicit coco_detection_metrics(metric_settings settings)
      : coco_metrics(std::move(settings), "DetectionBoxes", "boxes") {}

  void add_image(std::string_view id, const labels& truth, const detections& found, size2 size) override;
};

/// Masks are compared, in pixels of the original image. An image whose objects or detections have none is an error that
/// names it.
class coco_mask_metrics final : public coco_metrics {
 public:
  static constexpr std::string_view name = "coco_mask_metrics";

  explicit coco_mask_metrics(metric_settings settings) : coco_metrics(std::move(settings), "DetectionMasks", "masks") {}

  void add_image(std::string_view id, const labels& truth, const detections& found, size2 size) override;
};

}  // namespace odt

#if defined(ODT_HEADER_ONLY)
#include <odt/metrics/coco.ipp>
#endif
