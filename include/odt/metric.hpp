// SPDX-License-Identifier: MIT
// A metric set: takes images one by one, with their ground truth and what was found, and answers in numbers.
#pragma once

#include <odt/core/batch.hpp>
#include <odt/core/error.hpp>
#include <odt/core/image.hpp>

#include <concepts>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace odt {

/// What a metric set needs to know of the label map and of eval_config.
struct metric_settings {
  std::vector<std::string> class_names;       ///< of class 0, 1, ...; empty where the label map has no such id
  bool include_metrics_per_category = false;  ///< eval_config's field
};

/// Tags of the Object Detection API, for event files, with their values.
using metric_values = std::vector<std::pair<std::string, double>>;

/// One set of metrics over a set of images. Not thread-safe.
class metric {
 public:
  virtual ~metric() = default;

  /// Adds an image of `size` pixels: all boxes of its record and all detections, both normalized, are compared in its
  /// pixels, in float32. (With size {1, 1}, boxes may as well be in pixels.) Ground truth of a negative class, i.e.
  /// unknown to the label map, is left out; other classes beyond the label map, vectors of different lengths, and
  /// scores that are not numbers are errors that name `id`.
  virtual void add_image(std::string_view id, const labels& truth, const detections& found, size2 size) = 0;

  /// The numbers over all images so far.
  virtual metric_values evaluate() const = 0;

  /// The same for people: a few lines of text, each with its line end.
  virtual std::string report() const = 0;
};

/// A metric set that eval_config.metrics_set can choose by its name.
template <class T>
concept metric_policy = std::derived_from<T, metric> && std::constructible_from<T, metric_settings> && requires {
  { T::name } -> std::convertible_to<std::string_view>;
};

/// The metric sets of the given names, out of `Metrics`; without names, the first. Refuses others by name.
template <metric_policy... Metrics>
std::vector<std::unique_ptr<metric>> choose_metrics(std::span<const std::string> names,
                                                    const metric_settings& settings) {
  static constexpr std::string_view available[] = {Metrics::name...};
  std::vector<std::unique_ptr<metric>> chosen;
  const auto choose = [&](std::string_view name) {
    const auto take = [&]<class Metric>(std::type_identity<Metric>) {
      if (name != Metric::name) return false;
      chosen.push_back(std::make_unique<Metric>(settings));
      return true;
    };
    if (!(take(std::type_identity<Metrics>{}) || ...))
      fail("eval_config.metrics_set: \"", name, "\" is not available; this program has ", join(available, ", "));
  };
  for (const std::string& name : names) choose(name);
  if (names.empty()) choose(available[0]);
  return chosen;
}

namespace detail {

/// Errors for what no metric can take.
inline void check_image(std::string_view id, const labels& truth, const detections& found, std::size_t classes) {
  const auto check_length = [&](std::size_t length, std::string_view what) {
    if (length != 0 && length != truth.size())
      fail("image ", id, ": ", length, " ", what, " for ", truth.size(), " boxes");
  };
  if (truth.classes.size() != truth.size())
    fail("image ", id, ": ", truth.classes.size(), " classes for ", truth.size(), " boxes");
  check_length(truth.areas.size(), "areas");
  check_length(truth.crowd.size(), "crowd flags");
  check_length(truth.difficult.size(), "difficult flags");
  check_length(truth.group_of.size(), "group_of flags");
  const auto check_class = [&](int label, std::string_view what) {
    if (label >= static_cast<int>(classes))
      fail("image ", id, ": ", what, " of class id ", label + 1, ", but the label map ends at ", classes);
  };
  for (const int label : truth.classes) check_class(label, "ground truth");
  for (const detection& d : found) {
    check_class(d.label, "a detection");
    if (d.label < 0) fail("image ", id, ": a detection of class id ", d.label + 1, "; ids begin at 1");
    if (!(d.score == d.score)) fail("image ", id, ": the score of a detection is not a number");
  }
}

/// Errors for what a metric set of masks, of that name, cannot take.
inline void check_masks(std::string_view id, const labels& truth, const detections& found, size2 size,
                        std::string_view metric_set) {
  const std::string otherwise = str(", or take ", metric_set, " out of eval_config.metrics_set");
  if (truth.masks.size() != truth.size())
    fail("image ", id, ": ", truth.masks.size(), " masks for ", truth.size(), " boxes, but ", metric_set,
         " compares masks; write records with them (odt convert coco --include_masks) and load_instance_masks: true in "
         "eval_input_reader",
         otherwise);
  for (const image& mask : truth.masks)
    if (mask.size() != size)
      fail("image ", id, ": a mask of ", mask.height, "x", mask.width, " pixels (height x width) for a picture of ",
           size.height, "x", size.width);
  for (const detection& d : found)
    if (d.mask.pixels.empty())
      fail("image ", id, ": a detection without a mask, but ", metric_set,
           " compares masks; take a detector that predicts them (predict_instance_masks: true in its "
           "mask_rcnn_box_predictor)",
           otherwise);
}

/// A normalized box in pixels, in float32 as the API computes it.
inline boxf to_pixels(const boxf& b, size2 size) {
  const auto height = static_cast<float>(size.height), width = static_cast<float>(size.width);
  return {b.ymin * height, b.xmin * width, b.ymax * height, b.xmax * width};
}

}  // namespace detail

}  // namespace odt
