// SPDX-License-Identifier: MIT
// COCO's detection metrics (Lin et al., "Microsoft COCO: common objects in context", ECCV 2014; the numbers are those
// of pycocotools' COCOeval for boxes).
#pragma once

#include <odt/metric.hpp>

#include <array>
#include <cstdint>

namespace odt {

/// The twelve numbers: AP at IoU .50:.95, .50, .75, of small, medium and large objects; AR with 1, 10 and 100
/// detections an image and class, of small, medium and large objects. -1 where there is no ground truth.
using coco_summary = std::array<double, 12>;

/// COCO's average precision and recall. Boxes are compared in pixels of the original image; areas are those of the
/// record, or the box's where the record has none; crowds may be found any number of times or not at all. Equal scores
/// keep the order in which the images were added.
class coco_detection_metrics final : public metric {
 public:
  static constexpr std::string_view name = "coco_detection_metrics";
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

  explicit coco_detection_metrics(metric_settings settings);

  void add_image(std::string_view id, const labels& truth, const detections& found, size2 size) override;
  metric_values evaluate() const override;
  std::string report() const override;

  /// Precision and recall of every class.
  std::vector<curves> accumulate() const;

  /// The twelve numbers over some classes.
  static coco_summary summarize(std::span<const curves> classes);

 private:
  /// A detection among the first hundred of its image and class. Bit area * thresholds + threshold tells what became
  /// of it.
  struct outcome {
    float score;
    int rank;  // by falling score in its image and class
    std::uint64_t matched, ignored;
  };
  struct truth_box {
    double x, y, width, height, area;
    bool crowd;
  };
  struct found_box {
    double x, y, width, height;
    float score;
  };

  void match(int label, std::span<const truth_box> truth, std::span<const found_box> found);
  void compare(std::span<const truth_box> truth, std::span<const found_box> found);
  void match_area(int area, std::span<const truth_box> truth, std::span<outcome> outcomes);
  curves accumulate(std::size_t label) const;

  metric_settings settings_;
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

}  // namespace odt

#if defined(ODT_HEADER_ONLY)
#include <odt/metrics/coco.ipp>
#endif
