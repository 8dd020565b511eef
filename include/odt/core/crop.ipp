// SPDX-License-Identifier: MIT
#pragma once

#include <odt/core/crop.hpp>
#include <odt/core/target.hpp>

#include <algorithm>
#include <cmath>
#include <utility>

namespace odt {

namespace detail::crop {

/// Whole pixels: corners are truncated.
struct rectangle {
  int ymin, xmin, ymax, xmax;

  float area() const { return static_cast<float>(ymax - ymin) * static_cast<float>(xmax - xmin); }
};

ODT_INLINE rectangle to_pixels(const boxf& b, size2 extent) {
  const auto pixel = [](float share, int side) {
    return static_cast<int>(std::clamp(share, 0.0f, 1.0f) * static_cast<float>(side));
  };
  return {pixel(b.ymin, extent.height), pixel(b.xmin, extent.width), pixel(b.ymax, extent.height),
          pixel(b.xmax, extent.width)};
}

/// Whether the window holds enough of one object; objects below one pixel do not count.
ODT_INLINE bool covers(const pixel_window& w, const rectangle& object, float share) {
  const float area = object.area();
  if (!(area >= 1.0f)) return false;
  const int height = std::min(object.ymax, w.top + w.size.height) - std::max(object.ymin, w.top);
  const int width = std::min(object.xmax, w.left + w.size.width) - std::max(object.xmin, w.left);
  const float common = height > 0 && width > 0 ? static_cast<float>(height) * static_cast<float>(width) : 0.0f;
  return common / area >= share;
}

/// Draws height and place for an aspect ratio; false when the area cannot be had.
ODT_INLINE bool draw_window(const crop_constraints& want, float aspect, size2 extent, random_stream& random,
                            pixel_window& out) {
  if (!(aspect > 0.0f) || !(want.max_area > 0.0f) || extent.height <= 0 || extent.width <= 0) return false;
  const auto rounded = [](float value) { return static_cast<int>(std::lrintf(value)); };
  const auto width_of = [&](int height) { return rounded(static_cast<float>(height) * aspect); };
  const float pixels = static_cast<float>(extent.height) * static_cast<float>(extent.width);
  const float min_area = want.min_area * pixels, max_area = want.max_area * pixels;
  int lowest = rounded(std::sqrt(min_area / aspect));
  int highest = rounded(std::sqrt(max_area / aspect));
  if (width_of(highest) > extent.width) {
    highest = static_cast<int>((extent.width + 0.5 - 1e-7) / static_cast<double>(aspect));
    if (width_of(highest) > extent.width) --highest;
  }
  highest = std::min(highest, extent.height);
  lowest = std::min(lowest, highest);
  int height = static_cast<int>(random.integer(lowest, std::int64_t{highest} + 1));
  const auto area = [&] { return static_cast<float>(height) * static_cast<float>(width_of(height)); };
  if (area() < min_area) ++height;  // rounding may have left the range by a line
  if (area() > max_area) --height;
  const int width = width_of(height);
  if (area() < min_area || area() > max_area || height <= 0 || width <= 0 || height > extent.height ||
      width > extent.width)
    return false;
  out.size = {height, width};
  out.top = static_cast<int>(random.integer(0, extent.height - height));
  out.left = static_cast<int>(random.integer(0, extent.width - width));
  return true;
}

}  // namespace detail::crop

ODT_INLINE pixel_window sample_window(const crop_constraints& want, std::span<const boxf> boxes, size2 extent,
                                      random_stream& random) {
  std::vector<detail::crop::rectangle> objects;
  objects.reserve(boxes.size() + 1);
  for (const boxf& b : boxes) objects.push_back(detail::crop::to_pixels(b, extent));
  if (boxes.empty()) objects.push_back({0, 0, extent.height, extent.width});
  for (int attempt = 0; attempt < want.max_attempts; ++attempt) {
    const float aspect = random.uniform() * (want.max_aspect_ratio - want.min_aspect_ratio) + want.min_aspect_ratio;
    pixel_window window;
    if (detail::crop::draw_window(want, aspect, extent, random, window) &&
        std::ranges::any_of(objects,
                            [&](const auto& o) { return detail::crop::covers(window, o, want.min_object_covered); }))
      return window;
  }
  return {0, 0, extent};
}

ODT_INLINE boxf normalized(const pixel_window& w, size2 extent) {
  const auto h = static_cast<float>(extent.height), v = static_cast<float>(extent.width);
  return {static_cast<float>(w.top) / h, static_cast<float>(w.left) / v, static_cast<float>(w.top + w.size.height) / h,
          static_cast<float>(w.left + w.size.width) / v};
}

ODT_INLINE void filter_labels(labels& truth, std::span<const std::uint8_t> keep) {
  const auto compact = [keep](auto& values) {
    if (values.size() != keep.size()) return;
    std::size_t kept = 0;
    for (std::size_t i = 0; i < keep.size(); ++i)
      if (keep[i]) {
        if (kept != i) values[kept] = std::move(values[i]);
        ++kept;
      }
    values.resize(kept);
  };
  compact(truth.boxes);
  compact(truth.classes);
  compact(truth.weights);
  compact(truth.areas);
  compact(truth.crowd);
  compact(truth.difficult);
  compact(truth.group_of);
  compact(truth.masks);
}

ODT_INLINE void change_frame(std::span<boxf> boxes, const boxf& window) {
  const float y_scale = 1.0f / height(window), x_scale = 1.0f / width(window);
  for (boxf& b : boxes)
    b = {(b.ymin - window.ymin) * y_scale, (b.xmin - window.xmin) * x_scale, (b.ymax - window.ymin) * y_scale,
         (b.xmax - window.xmin) * x_scale};
}

ODT_INLINE void crop_boxes(labels& truth, const boxf& window, float overlap_threshold, bool clip) {
  std::vector<std::uint8_t> keep(truth.size());
  for (std::size_t i = 0; i < keep.size(); ++i) {
    const boxf& b = truth.boxes[i];
    const float common = std::max(0.0f, std::min(b.ymax, window.ymax) - std::max(b.ymin, window.ymin)) *
                         std::max(0.0f, std::min(b.xmax, window.xmax) - std::max(b.xmin, window.xmin));
    const bool touches = b.ymin < window.ymax && b.xmin < window.xmax && b.ymax > window.ymin && b.xmax > window.xmin;
    keep[i] = touches && common / area(b) >= overlap_threshold;
  }
  filter_labels(truth, keep);
  change_frame(truth.boxes, window);
  if (!clip) return;
  const auto to_unit = [](float value) { return std::clamp(value, 0.0f, 1.0f); };
  for (boxf& b : truth.boxes) b = {to_unit(b.ymin), to_unit(b.xmin), to_unit(b.ymax), to_unit(b.xmax)};
}

}  // namespace odt
