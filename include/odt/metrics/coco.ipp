// SPDX-License-Identifier: MIT
#pragma once

#include <odt/core/display_width.hpp>
#include <odt/core/paste_mask.hpp>
#include <odt/core/run_lengths.hpp>
#include <odt/core/target.hpp>
#include <odt/core/text.hpp>
#include <odt/metrics/coco.hpp>

#include <algorithm>
#include <bit>
#include <cstdio>
#include <functional>
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

ODT_INLINE double threshold(int i) { return evenly(.5, .95, coco_metrics::thresholds, i); }

/// A box in pixels.
struct rectangle {
  double x, y, width, height;
};

/// What coco_detection_metrics compares.
struct boxes {
  const labels& truth;
  const detections& found;
  size2 size;

  rectangle of_truth(std::size_t i) const { return in_pixels(truth.boxes[i]); }
  rectangle of_found(std::size_t i) const { return in_pixels(found[i].bounds); }

  static double area(const rectangle& r) { return r.width * r.height; }

  static double overlap(const rectangle& a, const rectangle& b, bool crowd) {
    const double w = std::min(a.width + a.x, b.width + b.x) - std::max(a.x, b.x);
    const double h = std::min(a.height + a.y, b.height + b.y) - std::max(a.y, b.y);
    if (w <= 0 || h <= 0) return 0;
    const double intersection = w * h, found_area = a.width * a.height;
    return intersection / (crowd ? found_area : found_area + b.width * b.height - intersection);
  }

 private:
  rectangle in_pixels(const boxf& normalized) const {
    const boxf b = to_pixels(normalized, size);
    return {b.xmin, b.ymin, width(b), height(b)};
  }
};

/// What coco_mask_metrics compares.
struct masks {
  const labels& truth;
  const detections& found;
  size2 size;

  run_lengths of_truth(std::size_t i) const { return to_runs(truth.masks[i]); }
  run_lengths of_found(std::size_t i) const { return object_pixels(found[i], size); }

  static double area(const run_lengths& mask) { return static_cast<double>(odt::area(mask)); }
  static double overlap(const run_lengths& a, const run_lengths& b, bool crowd) { return iou(a, b, crowd); }
};

/// Bits area * thresholds + threshold for the areas that leave out a box of this size.
ODT_INLINE std::uint64_t left_out(double size) {
  constexpr std::uint64_t every_threshold = (1u << coco_metrics::thresholds) - 1;
  std::uint64_t bits = 0;
  for (int a = 0; a < coco_metrics::areas; ++a)
    if (ranges[a].leaves_out(size)) bits |= every_threshold << (a * coco_metrics::thresholds);
  return bits;
}

/// The right detections of one curve, by falling score: precision after each one. No other point of a curve can be
/// the first at its recall, or the largest of those behind it.
struct hits {
  std::vector<double> precision;
  std::int64_t first = 0, first_ten = 0;  ///< among the first one and ten of an image and class

  std::int64_t all() const { return static_cast<std::int64_t>(precision.size()); }
};

/// Follows all curves at once; `sorted` are outcomes by falling score.
template <class Outcomes>
void find_hits(const Outcomes& sorted, std::span<hits> curves) {
  constexpr std::size_t count = coco_metrics::areas * coco_metrics::thresholds;
  std::array<std::uint64_t, count> seen{};
  for (const auto& o : sorted) {
    for (std::size_t i = 0; i < count; ++i) seen[i] += ~o.ignored >> i & 1;
    for (std::uint64_t right = o.matched & ~o.ignored; right != 0; right &= right - 1) {
      const auto i = static_cast<std::size_t>(std::countr_zero(right));
      hits& curve = curves[i];
      const auto hit = static_cast<double>(curve.precision.size() + 1);
      curve.precision.push_back(hit / (static_cast<double>(seen[i]) + std::numeric_limits<double>::epsilon()));
      curve.first += o.rank < 1;
      curve.first_ten += o.rank < 10;
    }
  }
}

/// Precision at each of the recalls, made monotonous; 0 where a recall is not reached.
ODT_INLINE void interpolate(std::vector<double>& precision, double expected, double* out) {
  for (std::size_t i = precision.size(); i-- > 1;) precision[i - 1] = std::max(precision[i - 1], precision[i]);
  std::size_t hit = 0;
  for (int r = 0; r < coco_metrics::recalls; ++r) {
    const double recall = evenly(0, 1, coco_metrics::recalls, r);
    while (hit < precision.size() && static_cast<double>(hit + 1) / expected < recall) ++hit;
    out[r] = hit < precision.size() ? precision[hit] : 0;
  }
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

ODT_INLINE coco_metrics::coco_metrics(metric_settings settings, std::string_view prefix, std::string_view things)
    : settings_(std::move(settings)),
      prefix_(prefix),
      things_(things),
      outcomes_(settings_.class_names.size()),
      expected_(settings_.class_names.size()) {}

template <class Shapes>
void coco_metrics::add(std::string_view id, const labels& truth, const detections& found, size2 size,
                       const Shapes& shapes) {
  detail::check_image(id, truth, found, outcomes_.size());
  std::vector<std::size_t> truth_order(truth.size()), found_order(found.size());
  std::iota(truth_order.begin(), truth_order.end(), 0);
  std::iota(found_order.begin(), found_order.end(), 0);
  std::ranges::stable_sort(truth_order, {}, [&](std::size_t i) { return truth.classes[i]; });
  std::ranges::stable_sort(found_order, {}, [&](std::size_t i) { return std::pair(found[i].label, -found[i].score); });

  using shape = decltype(shapes.of_truth(0));
  std::vector<truth_object> truth_objects;
  std::vector<found_object> found_objects;
  std::vector<shape> truth_shapes, found_shapes;
  auto next_truth = truth_order.begin();
  auto next_found = found_order.begin();
  const auto truth_label = [&] { return truth.classes[*next_truth]; };
  while (next_truth != truth_order.end() && truth_label() < 0) ++next_truth;
  while (next_truth != truth_order.end() || next_found != found_order.end()) {
    int label = std::numeric_limits<int>::max();
    if (next_truth != truth_order.end()) label = truth_label();
    if (next_found != found_order.end()) label = std::min(label, found[*next_found].label);
    truth_objects.clear(), found_objects.clear(), truth_shapes.clear(), found_shapes.clear();
    for (; next_truth != truth_order.end() && truth_label() == label; ++next_truth) {
      const std::size_t i = *next_truth;
      const bool recorded = !truth.areas.empty() && truth.areas[i] > 0;
      truth_objects.push_back({recorded ? truth.areas[i] : area(detail::to_pixels(truth.boxes[i], size)),
                               !truth.crowd.empty() && truth.crowd[i] != 0});
      truth_shapes.push_back(shapes.of_truth(i));
    }
    for (; next_found != found_order.end() && found[*next_found].label == label; ++next_found) {
      if (found_objects.size() == detail::coco::max_detections) continue;
      found_shapes.push_back(shapes.of_found(*next_found));
      found_objects.push_back({Shapes::area(found_shapes.back()), found[*next_found].score});
    }
    overlaps_.clear();
    for (const shape& f : found_shapes)
      for (std::size_t g = 0; g < truth_shapes.size(); ++g)
        overlaps_.push_back(Shapes::overlap(f, truth_shapes[g], truth_objects[g].crowd));
    match(label, truth_objects, found_objects);
  }
}

ODT_INLINE void coco_detection_metrics::add_image(std::string_view id, const labels& truth, const detections& found,
                                                  size2 size) {
  add(id, truth, found, size, detail::coco::boxes{truth, found, size});
}

ODT_INLINE void coco_mask_metrics::add_image(std::string_view id, const labels& truth, const detections& found,
                                             size2 size) {
  detail::check_masks(id, truth, found, size, name);
  add(id, truth, found, size, detail::coco::masks{truth, found, size});
}

ODT_INLINE void coco_metrics::match(int label, std::span<const truth_object> truth,
                                    std::span<const found_object> found) {
  const auto c = static_cast<std::size_t>(label);
  for (std::size_t a = 0; a < areas; ++a)
    expected_[c][a] += std::ranges::count_if(
        truth, [&](const truth_object& t) { return !t.crowd && !detail::coco::ranges[a].leaves_out(t.area); });
  auto& all = outcomes_[c];
  const std::size_t before = all.size();
  for (const found_object& f : found)
    all.push_back({f.score, static_cast<int>(all.size() - before), 0, detail::coco::left_out(f.area)});
  find_hopeful(truth.size(), found.size());
  if (hopeful_.empty()) return;
  for (int area = 0; area < areas; ++area) match_area(area, truth, std::span(all).subspan(before));
}

ODT_INLINE void coco_metrics::find_hopeful(std::size_t truth, std::size_t found) {
  hopeful_.clear();
  const std::span overlaps(overlaps_);
  for (std::size_t d = 0; d < found && truth > 0; ++d) {
    const double largest = std::ranges::max(overlaps.subspan(d * truth, truth));
    if (largest >= detail::coco::threshold(0)) hopeful_.push_back({d, largest});
  }
}

ODT_INLINE void coco_metrics::match_area(int area, std::span<const truth_object> truth, std::span<outcome> outcomes) {
  const auto& range = detail::coco::ranges[area];
  order_.resize(truth.size());  // what counts, then what is to be ignored
  std::iota(order_.begin(), order_.end(), 0);
  const auto middle = std::stable_partition(
      order_.begin(), order_.end(), [&](std::size_t g) { return !truth[g].crowd && !range.leaves_out(truth[g].area); });
  const auto counted = static_cast<std::size_t>(middle - order_.begin());

  for (int t = 0; t < thresholds; ++t) {
    const std::uint64_t bit = std::uint64_t{1} << (area * thresholds + t);
    taken_.assign(truth.size(), 0);
    for (const auto& [d, largest] : hopeful_) {
      const double* overlap = overlaps_.data() + d * truth.size();
      double best = detail::coco::threshold(t);
      if (largest < best) continue;
      std::size_t match = order_.size();
      for (std::size_t k = 0; k < order_.size(); ++k) {
        const std::size_t g = order_[k];
        if (k >= counted && match < counted) break;  // anything that counts goes before what is ignored
        if ((taken_[g] && !truth[g].crowd) || overlap[g] < best) continue;
        best = overlap[g];
        match = k;
      }
      if (match == order_.size()) continue;
      taken_[order_[match]] = 1;
      outcome& o = outcomes[d];
      o.matched |= bit;
      o.ignored = match >= counted ? o.ignored | bit : o.ignored & ~bit;
    }
  }
}

ODT_INLINE std::vector<coco_metrics::curves> coco_metrics::accumulate() const {
  std::vector<curves> result;
  for (std::size_t c = 0; c < outcomes_.size(); ++c) result.push_back(accumulate(c));
  return result;
}

ODT_INLINE coco_metrics::curves coco_metrics::accumulate(std::size_t label) const {
  curves result{std::vector<double>(areas * thresholds * recalls, -1), {}};
  for (auto& cut : result.recall) cut.fill(-1);
  std::vector<outcome> sorted = outcomes_[label];
  std::ranges::stable_sort(sorted, std::greater{}, &outcome::score);
  std::vector<detail::coco::hits> hits(areas * thresholds);
  detail::coco::find_hits(sorted, hits);
  for (std::size_t cut = 0; cut < result.recall.size(); ++cut) {
    const auto [area, limit] = detail::coco::cuts[cut];
    const auto expected = static_cast<double>(expected_[label][static_cast<std::size_t>(area)]);
    if (expected == 0) continue;
    for (int t = 0; t < thresholds; ++t) {
      auto& curve = hits[static_cast<std::size_t>(area * thresholds + t)];
      const std::int64_t right = limit == 1 ? curve.first : limit == 10 ? curve.first_ten : curve.all();
      result.recall[cut][static_cast<std::size_t>(t)] = static_cast<double>(right) / expected;
      if (limit == detail::coco::max_detections)
        detail::coco::interpolate(curve.precision, expected,
                                  result.precision.data() + (area * thresholds + t) * recalls);
    }
  }
  return result;
}

ODT_INLINE coco_summary coco_metrics::summarize(std::span<const curves> classes) {
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

ODT_INLINE metric_values coco_metrics::evaluate() const {
  static constexpr std::string_view tags[] = {
      "Precision/mAP",         "Precision/mAP@.50IOU",   "Precision/mAP@.75IOU",
      "Precision/mAP (small)", "Precision/mAP (medium)", "Precision/mAP (large)",
      "Recall/AR@1",           "Recall/AR@10",           "Recall/AR@100",
      "Recall/AR@100 (small)", "Recall/AR@100 (medium)", "Recall/AR@100 (large)"};
  const std::vector<curves> classes = accumulate();
  const coco_summary all = summarize(classes);
  metric_values values;
  for (std::size_t i = 0; i < all.size(); ++i) values.emplace_back(str(prefix_, "_", tags[i]), all[i]);
  if (settings_.include_metrics_per_category)
    for (std::size_t c = 0; c < classes.size(); ++c)
      if (const std::string& class_name = settings_.class_names[c]; !class_name.empty())
        values.emplace_back(str(prefix_, "_PerformanceByCategory/mAP/", class_name),
                            summarize(std::span(classes).subspan(c, 1))[0]);
  return values;
}

ODT_INLINE std::string coco_metrics::report() const {
  static constexpr const char* iou[] = {"0.50:0.95", "0.50", "0.75"};
  static constexpr const char* area[] = {"all", "small", "medium", "large"};
  const std::vector<curves> classes = accumulate();
  const coco_summary all = summarize(classes);
  std::string text = things_ == "boxes" ? "" : str(" ", things_, ":\n");
  for (int i = 0; i < 12; ++i) {
    const bool precision = i < 6;
    const auto& cut = detail::coco::cuts[precision ? std::max(i, 2) : i - 6];
    text += detail::coco::print(" Average %-9s (%s) @[ IoU=%-9s | area=%6s | maxDets=%3d ] = %.3f\n",
                                precision ? "Precision" : "Recall", precision ? "AP" : "AR",
                                iou[precision && i < 3 ? i : 0], area[cut.area], cut.detections,
                                all[static_cast<std::size_t>(i)]);
  }
  std::size_t longest = 5;
  for (const std::string& class_name : settings_.class_names) longest = std::max(longest, display_width(class_name));
  longest = std::min<std::size_t>(longest, 60);
  text += str(" ", padded("class", longest), "     AP   AP50   AR100  ", things_, "\n");
  for (std::size_t c = 0; c < classes.size(); ++c) {
    if (settings_.class_names[c].empty()) continue;
    const coco_summary one = summarize(std::span(classes).subspan(c, 1));
    text += str(" ", padded(cut_to_width(settings_.class_names[c], longest), longest),
                detail::coco::print(" %6.3f %6.3f  %6.3f %6lld\n", one[0], one[1], one[8],
                                    static_cast<long long>(expected_[c][0])));
  }
  return text;
}

}  // namespace odt
