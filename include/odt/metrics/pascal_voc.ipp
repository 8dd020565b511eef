// SPDX-License-Identifier: MIT
#pragma once

#include <odt/core/paste_mask.hpp>
#include <odt/core/target.hpp>
#include <odt/metrics/pascal_voc.hpp>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <functional>
#include <limits>
#include <numeric>

namespace odt {

namespace detail::pascal_voc {

ODT_INLINE float intersection(const boxf& a, const boxf& b) {
  const float h = std::min(a.ymax, b.ymax) - std::max(a.ymin, b.ymin);
  const float w = std::min(a.xmax, b.xmax) - std::max(a.xmin, b.xmin);
  return std::max(h, 0.f) * std::max(w, 0.f);
}

ODT_INLINE float iou(const boxf& a, const boxf& b) {
  const float common = intersection(a, b);
  return common / (area(a) + area(b) - common);
}

/// The detections whose boxes have an area, by falling score.
ODT_INLINE std::vector<std::size_t> by_score(std::span<const detection> found) {
  std::vector<std::size_t> sorted;
  for (std::size_t i = 0; i < found.size(); ++i)
    if (const boxf& b = found[i].bounds; b.ymin < b.ymax && b.xmin < b.xmax) sorted.push_back(i);
  std::ranges::stable_sort(sorted, std::greater{}, [&](std::size_t i) { return found[i].score; });
  return sorted;
}

/// Matches with `count` objects, whatever is compared: overlap(i, k) is the IoU of detection i and object k,
/// within(i, k) the share of the detection in a group.
template <class Overlap, class Within>
std::vector<scored_match> match(std::span<const detection> found, std::size_t count,
                                std::span<const std::uint8_t> difficult, std::span<const std::uint8_t> group_of,
                                float threshold, Overlap&& overlap, Within&& within) {
  const auto is = [](std::span<const std::uint8_t> flags, std::size_t i) { return !flags.empty() && flags[i] != 0; };
  std::vector<std::uint8_t> taken(count);
  std::vector<scored_match> matches;
  for (const std::size_t d : by_score(found)) {
    std::size_t best = count;
    float largest = -1;
    bool in_group = false;
    for (std::size_t i = 0; i < count; ++i) {
      if (is(group_of, i)) {
        in_group |= within(d, i) >= threshold;
      } else if (const float shared = overlap(d, i); shared > largest) {
        largest = shared;
        best = i;
      }
    }
    const bool hit = best < count && largest >= threshold;
    if (hit && is(difficult, best)) continue;
    const bool right = hit && !taken[best];
    if (!right && in_group) continue;
    if (right) taken[best] = 1;
    matches.push_back({found[d].score, right});
  }
  return matches;
}

}  // namespace detail::pascal_voc

ODT_INLINE std::vector<scored_match> match_by_largest_overlap(std::span<const detection> found,
                                                              std::span<const boxf> truth,
                                                              std::span<const std::uint8_t> difficult,
                                                              std::span<const std::uint8_t> group_of, float threshold) {
  namespace d = detail::pascal_voc;
  return d::match(
      found, truth.size(), difficult, group_of, threshold,
      [&](std::size_t i, std::size_t k) { return d::iou(found[i].bounds, truth[k]); },
      [&](std::size_t i, std::size_t k) { return d::intersection(truth[k], found[i].bounds) / area(found[i].bounds); });
}

ODT_INLINE std::vector<scored_match> match_by_largest_overlap(std::span<const detection> found,
                                                              std::span<const run_lengths> pixels,
                                                              std::span<const run_lengths> truth,
                                                              std::span<const std::uint8_t> difficult,
                                                              std::span<const std::uint8_t> group_of, float threshold) {
  return detail::pascal_voc::match(
      found, truth.size(), difficult, group_of, threshold,
      [&](std::size_t i, std::size_t k) { return static_cast<float>(iou(pixels[i], truth[k])); },
      [&](std::size_t i, std::size_t k) { return static_cast<float>(iou(pixels[i], truth[k], true)); });
}

ODT_INLINE precision_recall precision_and_recall(std::vector<scored_match> matches, double expected) {
  std::ranges::stable_sort(matches, std::greater{}, &scored_match::score);
  precision_recall curve;
  double right = 0, seen = 0;
  for (const scored_match& m : matches) {
    right += m.right;
    curve.precision.push_back(right / ++seen);
    curve.recall.push_back(right / expected);
  }
  return curve;
}

ODT_INLINE double average_precision(const precision_recall& curve) {
  double sum = 0, precision = 0;
  for (std::size_t i = curve.recall.size(); i-- > 0;) {
    precision = std::max(precision, curve.precision[i]);
    sum += (curve.recall[i] - (i ? curve.recall[i - 1] : 0)) * precision;
  }
  return sum;
}

ODT_INLINE pascal_voc_metrics::pascal_voc_metrics(metric_settings settings, bool weighted, float matching_iou_threshold,
                                                  compared_shapes shapes)
    : settings_(std::move(settings)),
      weighted_(weighted),
      threshold_(matching_iou_threshold),
      shapes_(shapes),
      matches_(settings_.class_names.size()),
      expected_(settings_.class_names.size()) {}

ODT_INLINE void pascal_voc_metrics::add_image(std::string_view id, const labels& truth, const detections& found,
                                              size2 size) {
  detail::check_image(id, truth, found, matches_.size());
  if (shapes_ == compared_shapes::masks)
    detail::check_masks(id, truth, found, size,
                        weighted_ ? weighted_pascal_voc_instance_segmentation_metrics::name
                                  : pascal_voc_instance_segmentation_metrics::name);
  for (std::size_t c = 0; c < matches_.size(); ++c) match_class(c, truth, found, size);
}

ODT_INLINE void pascal_voc_metrics::match_class(std::size_t label, const labels& truth, const detections& found,
                                                size2 size) {
  const bool masks = shapes_ == compared_shapes::masks;
  std::vector<boxf> boxes;
  std::vector<run_lengths> truth_pixels, found_pixels;
  std::vector<std::uint8_t> difficult;
  detections of_class;
  for (std::size_t i = 0; i < truth.size(); ++i) {
    if (truth.classes[i] != static_cast<int>(label)) continue;
    boxes.push_back(detail::to_pixels(truth.boxes[i], size));
    if (masks) truth_pixels.push_back(to_runs(truth.masks[i]));
    difficult.push_back(!truth.difficult.empty() && truth.difficult[i] != 0);
    expected_[label] += !difficult.back();
  }
  for (const detection& d : found) {
    if (d.label != static_cast<int>(label)) continue;
    of_class.push_back({detail::to_pixels(d.bounds, size), d.label, d.score});
    if (masks) found_pixels.push_back(object_pixels(d, size));
  }
  if (of_class.empty()) return;
  const auto matches = masks ? match_by_largest_overlap(of_class, found_pixels, truth_pixels, difficult, {}, threshold_)
                             : match_by_largest_overlap(of_class, boxes, difficult, {}, threshold_);
  matches_[label].insert(matches_[label].end(), matches.begin(), matches.end());
}

ODT_INLINE pascal_voc_metrics::summary pascal_voc_metrics::summarize() const {
  summary result{std::numeric_limits<double>::quiet_NaN(), {}};
  std::vector<scored_match> together;
  double sum = 0, counted = 0;
  for (std::size_t c = 0; c < matches_.size(); ++c) {
    if (expected_[c] == 0) {
      result.classes.push_back(std::numeric_limits<double>::quiet_NaN());
      continue;
    }
    result.classes.push_back(average_precision(precision_and_recall(matches_[c], static_cast<double>(expected_[c]))));
    sum += result.classes.back();
    ++counted;
    if (weighted_) together.insert(together.end(), matches_[c].begin(), matches_[c].end());
  }
  if (counted == 0) return result;
  const auto all = static_cast<double>(std::accumulate(expected_.begin(), expected_.end(), std::int64_t{0}));
  result.mean = weighted_ ? average_precision(precision_and_recall(std::move(together), all)) : sum / counted;
  return result;
}

ODT_INLINE metric_values pascal_voc_metrics::evaluate() const {
  const summary result = summarize();
  const std::string prefix =
      str(weighted_ ? "WeightedPascal" : "Pascal", shapes_ == compared_shapes::masks ? "Masks_" : "Boxes_");
  metric_values values{{str(prefix, "Precision/mAP@", threshold_, "IOU"), result.mean}};
  for (std::size_t c = 0; c < result.classes.size(); ++c)
    if (const std::string& class_name = settings_.class_names[c]; !class_name.empty())
      values.emplace_back(str(prefix, "PerformanceByCategory/AP@", threshold_, "IOU/", class_name), result.classes[c]);
  return values;
}

ODT_INLINE std::string pascal_voc_metrics::report() const {
  const summary result = summarize();
  const auto number = [](double value) {
    char text[32];
    std::snprintf(text, sizeof text, "%.3f", value);
    return std::isnan(value) ? std::string("no ground truth") : std::string(text);
  };
  std::string text = str(" PASCAL VOC ", weighted_ ? "weighted " : "", shapes_ == compared_shapes::masks ? "mask " : "",
                         "mAP@", threshold_, "IOU = ", number(result.mean), "\n");
  for (std::size_t c = 0; c < result.classes.size(); ++c)
    if (const std::string& class_name = settings_.class_names[c]; !class_name.empty())
      text += str("  AP ", class_name, " = ", number(result.classes[c]), " (", expected_[c],
                  shapes_ == compared_shapes::masks ? " masks)\n" : " boxes)\n");
  return text;
}

}  // namespace odt
