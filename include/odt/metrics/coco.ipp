// SPDX-License-Identifier: MIT
#pragma once

#include <odt/core/target.hpp>
#include <odt/metrics/coco.hpp>

#include <algorithm>
#include <cstdio>
#include <limits>
#include <numeric>

namespace odt {

namespace detail::coco {

inline constexpr int max_detections = 100;

struct area_range {
  double low, high;

  bool leaves_out(double area) const { return area < low || area > high; }
};

inline constexpr area_range ranges[] = {{0, 1e10}, {0, 1024}, {1024, 9216}, {9216, 1e10}};

/// What a recall is taken over, in the order of curves::recall.
struct cut {
  int area, detections;
};

inline constexpr cut cuts[] = {{0, 1}, {0, 10}, {0, 100}, {1, 100}, {2, 100}, {3, 100}};

/// `count` numbers from `first` to `last`, rounded as numpy's linspace.
ODT_INLINE double evenly(double first, double last, int count, int i) {
  return i == count - 1 ? last : first + i * ((last - first) / (count - 1));
}

ODT_INLINE double threshold(int i) { return evenly(.5, .95, coco_detection_metrics::thresholds, i); }

template <class A, class B>
double overlap(const A& found, const B& truth) {
  const double w = std::min(found.width + found.x, truth.width + truth.x) - std::max(found.x, truth.x);
  const double h = std::min(found.height + found.y, truth.height + truth.y) - std::max(found.y, truth.y);
  if (w <= 0 || h <= 0) return 0;
  const double intersection = w * h, found_area = found.width * found.height;
  return intersection / (truth.crowd ? found_area : found_area + truth.width * truth.height - intersection);
}

/// The mean of the numbers above -1; -1 when there are none.
struct mean {
  double sum = 0;
  std::int64_t count = 0;

  void add(std::span<const double> values) {
    for (const double value : values)
      if (value > -1) sum += value, ++count;
  }
  double value() const { return count ? sum / static_cast<double>(count) : -1; }
};

/// Text in printf's manner.
template <class... Values>
std::string print(const char* format, Values... values) {
  char line[256];
  std::snprintf(line, sizeof line, format, values...);
  return line;
}

}  // namespace detail::coco

ODT_INLINE coco_detection_metrics::coco_detection_metrics(metric_settings settings)
    : settings_(std::move(settings)),
      outcomes_(settings_.class_names.size()),
      expected_(settings_.class_names.size()) {}

ODT_INLINE void coco_detection_metrics::add_image(std::string_view id, const labels& truth, const detections& found,
                                                  size2 size) {
  detail::check_image(id, truth, found, outcomes_.size());
  std::vector<std::size_t> truth_order(truth.size()), found_order(found.size());
  std::iota(truth_order.begin(), truth_order.end(), 0);
  std::iota(found_order.begin(), found_order.end(), 0);
  std::ranges::stable_sort(truth_order, {}, [&](std::size_t i) { return truth.classes[i]; });
  std::ranges::stable_sort(found_order, {}, [&](std::size_t i) { return std::pair(found[i].label, -found[i].score); });

  std::vector<truth_box> truth_boxes;
  std::vector<found_box> found_boxes;
  auto next_truth = truth_order.begin();
  auto next_found = found_order.begin();
  const auto truth_label = [&] { return truth.classes[*next_truth]; };
  while (next_truth != truth_order.end() && truth_label() < 0) ++next_truth;
  while (next_truth != truth_order.end() || next_found != found_order.end()) {
    int label = std::numeric_limits<int>::max();
    if (next_truth != truth_order.end()) label = truth_label();
    if (next_found != found_order.end()) label = std::min(label, found[*next_found].label);
    truth_boxes.clear(), found_boxes.clear();
    for (; next_truth != truth_order.end() && truth_label() == label; ++next_truth) {
      const std::size_t i = *next_truth;
      const boxf b = detail::to_pixels(truth.boxes[i], size);
      const bool recorded = !truth.areas.empty() && truth.areas[i] > 0;
      truth_boxes.push_back({b.xmin, b.ymin, width(b), height(b), recorded ? truth.areas[i] : area(b),
                             !truth.crowd.empty() && truth.crowd[i] != 0});
    }
    for (; next_found != found_order.end() && found[*next_found].label == label; ++next_found) {
      if (found_boxes.size() == detail::coco::max_detections) continue;
      const boxf b = detail::to_pixels(found[*next_found].bounds, size);
      found_boxes.push_back({b.xmin, b.ymin, width(b), height(b), found[*next_found].score});
    }
    match(label, truth_boxes, found_boxes);
  }
}

ODT_INLINE void coco_detection_metrics::match(int label, std::span<const truth_box> truth,
                                              std::span<const found_box> found) {
  const auto c = static_cast<std::size_t>(label);
  for (std::size_t a = 0; a < areas; ++a)
    expected_[c][a] += std::ranges::count_if(
        truth, [&](const truth_box& t) { return !t.crowd && !detail::coco::ranges[a].leaves_out(t.area); });
  overlaps_.clear();
  for (const found_box& f : found)
    for (const truth_box& t : truth) overlaps_.push_back(detail::coco::overlap(f, t));
  auto& all = outcomes_[c];
  const std::size_t before = all.size();
  for (std::size_t d = 0; d < found.size(); ++d) all.push_back({found[d].score, static_cast<int>(d), 0, 0});
  for (int area = 0; area < areas; ++area) match_area(area, truth, found, std::span(all).subspan(before));
}

ODT_INLINE void coco_detection_metrics::match_area(int area, std::span<const truth_box> truth,
                                                   std::span<const found_box> found, std::span<outcome> outcomes) {
  const auto& range = detail::coco::ranges[area];
  std::vector<std::size_t> order(truth.size());  // what counts, then what is to be ignored
  std::iota(order.begin(), order.end(), 0);
  const auto middle = std::stable_partition(
      order.begin(), order.end(), [&](std::size_t g) { return !truth[g].crowd && !range.leaves_out(truth[g].area); });
  const auto counted = static_cast<std::size_t>(middle - order.begin());

  std::vector<std::uint8_t> taken(truth.size());
  for (int t = 0; t < thresholds; ++t) {
    const std::uint64_t bit = std::uint64_t{1} << (area * thresholds + t);
    std::ranges::fill(taken, 0);
    for (std::size_t d = 0; d < found.size(); ++d) {
      const double* overlap = overlaps_.data() + d * truth.size();
      double best = detail::coco::threshold(t);
      std::size_t match = order.size();
      for (std::size_t k = 0; k < order.size(); ++k) {
        const std::size_t g = order[k];
        if (k >= counted && match < counted) break;  // anything that counts goes before what is ignored
        if ((taken[g] && !truth[g].crowd) || overlap[g] < best) continue;
        best = overlap[g];
        match = k;
      }
      if (match < order.size()) {
        taken[order[match]] = 1;
        outcomes[d].matched |= bit;
        if (match >= counted) outcomes[d].ignored |= bit;
      } else if (range.leaves_out(found[d].width * found[d].height)) {
        outcomes[d].ignored |= bit;
      }
    }
  }
}

ODT_INLINE std::vector<coco_detection_metrics::curves> coco_detection_metrics::accumulate() const {
  std::vector<curves> result;
  for (std::size_t c = 0; c < outcomes_.size(); ++c) result.push_back(accumulate(c));
  return result;
}

ODT_INLINE coco_detection_metrics::curves coco_detection_metrics::accumulate(std::size_t label) const {
  curves result{std::vector<double>(areas * thresholds * recalls, -1), {}};
  for (auto& cut : result.recall) cut.fill(-1);
  std::vector<outcome> sorted = outcomes_[label];
  std::ranges::stable_sort(sorted, std::greater{}, &outcome::score);

  std::vector<double> precision, recall;
  for (std::size_t cut = 0; cut < result.recall.size(); ++cut) {
    const auto [area, limit] = detail::coco::cuts[cut];
    const std::int64_t expected = expected_[label][static_cast<std::size_t>(area)];
    if (expected == 0) continue;
    for (int t = 0; t < thresholds; ++t) {
      const std::uint64_t bit = std::uint64_t{1} << (area * thresholds + t);
      precision.clear(), recall.clear();
      double right = 0, wrong = 0;
      for (const outcome& o : sorted) {
        if (o.rank >= limit) continue;
        if (!(o.ignored & bit)) ++((o.matched & bit) ? right : wrong);
        recall.push_back(right / static_cast<double>(expected));
        precision.push_back(right / (wrong + right + std::numeric_limits<double>::epsilon()));
      }
      result.recall[cut][static_cast<std::size_t>(t)] = recall.empty() ? 0 : recall.back();
      if (limit != detail::coco::max_detections) continue;
      for (std::size_t i = precision.size(); i-- > 1;) precision[i - 1] = std::max(precision[i - 1], precision[i]);
      double* out = result.precision.data() + (area * thresholds + t) * recalls;
      auto at = recall.begin();
      for (int r = 0; r < recalls; ++r) {
        at = std::lower_bound(at, recall.end(), detail::coco::evenly(0, 1, recalls, r));
        out[r] = at == recall.end() ? 0 : precision[static_cast<std::size_t>(at - recall.begin())];
      }
    }
  }
  return result;
}

ODT_INLINE coco_summary coco_detection_metrics::summarize(std::span<const curves> classes) {
  constexpr std::size_t block = thresholds * recalls;
  std::array<detail::coco::mean, 12> means;
  for (const curves& c : classes) {
    const std::span precision(c.precision);
    means[0].add(precision.first(block));
    means[1].add(precision.first(recalls));
    means[2].add(precision.subspan(5 * recalls, recalls));
    for (std::size_t area = 1; area < areas; ++area) means[2 + area].add(precision.subspan(area * block, block));
    for (std::size_t cut = 0; cut < c.recall.size(); ++cut) means[6 + cut].add(c.recall[cut]);
  }
  coco_summary summary;
  std::ranges::transform(means, summary.begin(), &detail::coco::mean::value);
  return summary;
}

ODT_INLINE metric_values coco_detection_metrics::evaluate() const {
  static constexpr std::string_view tags[] = {
      "Precision/mAP",         "Precision/mAP@.50IOU",   "Precision/mAP@.75IOU",
      "Precision/mAP (small)", "Precision/mAP (medium)", "Precision/mAP (large)",
      "Recall/AR@1",           "Recall/AR@10",           "Recall/AR@100",
      "Recall/AR@100 (small)", "Recall/AR@100 (medium)", "Recall/AR@100 (large)"};
  const std::vector<curves> classes = accumulate();
  const coco_summary all = summarize(classes);
  metric_values values;
  for (std::size_t i = 0; i < all.size(); ++i) values.emplace_back(str("DetectionBoxes_", tags[i]), all[i]);
  if (settings_.include_metrics_per_category)
    for (std::size_t c = 0; c < classes.size(); ++c)
      if (const std::string& class_name = settings_.class_names[c]; !class_name.empty())
        values.emplace_back("DetectionBoxes_PerformanceByCategory/mAP/" + class_name,
                            summarize(std::span(classes).subspan(c, 1))[0]);
  return values;
}

ODT_INLINE std::string coco_detection_metrics::report() const {
  static constexpr const char* iou[] = {"0.50:0.95", "0.50", "0.75"};
  static constexpr const char* area[] = {"all", "small", "medium", "large"};
  const std::vector<curves> classes = accumulate();
  const coco_summary all = summarize(classes);
  std::string text;
  for (int i = 0; i < 12; ++i) {
    const bool precision = i < 6;
    const auto& cut = detail::coco::cuts[precision ? std::max(i, 2) : i - 6];
    text += detail::coco::print(" Average %-9s (%s) @[ IoU=%-9s | area=%6s | maxDets=%3d ] = %.3f\n",
                                precision ? "Precision" : "Recall", precision ? "AP" : "AR",
                                iou[precision && i < 3 ? i : 0], area[cut.area], cut.detections,
                                all[static_cast<std::size_t>(i)]);
  }
  std::size_t longest = 5;
  for (const std::string& class_name : settings_.class_names) longest = std::max(longest, class_name.size());
  text += detail::coco::print(" %-*s     AP   AP50   AR100  boxes\n",
                              static_cast<int>(std::min<std::size_t>(longest, 60)), "class");
  for (std::size_t c = 0; c < classes.size(); ++c) {
    if (settings_.class_names[c].empty()) continue;
    const coco_summary one = summarize(std::span(classes).subspan(c, 1));
    text += detail::coco::print(" %-*.60s %6.3f %6.3f  %6.3f %6lld\n",
                                static_cast<int>(std::min<std::size_t>(longest, 60)), settings_.class_names[c].c_str(),
                                one[0], one[1], one[8], static_cast<long long>(expected_[c][0]));
  }
  return text;
}

}  // namespace odt
