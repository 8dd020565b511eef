// SPDX-License-Identifier: MIT
#pragma once

#include <odt/augmentation.hpp>
#include <odt/core/target.hpp>

#include <algorithm>
#include <string>

namespace odt {

namespace detail::augmentation {

/// Streams of the augmentations: stage first_stage + i for the i-th of the chain.
inline constexpr std::uint32_t first_stage = 0x100;

}  // namespace detail::augmentation

ODT_INLINE void sketch::add(pixel_op::kind what, float amount) {
  pixel_op op;
  op.what = what;
  op.amount = amount;
  steps_.push_back(op);
}

ODT_INLINE void sketch::flip_horizontally() {
  for (boxf& b : truth_.boxes) b = {b.ymin, 1.0f - b.xmax, b.ymax, 1.0f - b.xmin};
  add(pixel_op::kind::flip_horizontally, 0);
}

ODT_INLINE void sketch::flip_vertically() {
  for (boxf& b : truth_.boxes) b = {1.0f - b.ymax, b.xmin, 1.0f - b.ymin, b.xmax};
  add(pixel_op::kind::flip_vertically, 0);
}

ODT_INLINE void sketch::crop(const pixel_window& window, float overlap_threshold, bool clip_boxes) {
  crop_boxes(truth_, normalized(window, size_), overlap_threshold, clip_boxes);
  if (window.size == size_) return;
  size_ = window.size;
  add(pixel_op::kind::crop, 0);
  steps_.back().window = window;
}

ODT_INLINE void check(const crop_options& o) {
  const auto range = [](std::string_view what, bool good, float low, float high, std::string_view rule) {
    if (!good) fail("the ", what, " is ", low, " to ", high, "; it has to be ", rule);
  };
  range("aspect ratio", o.min_aspect_ratio > 0 && o.min_aspect_ratio <= o.max_aspect_ratio, o.min_aspect_ratio,
        o.max_aspect_ratio, "a range above 0");
  range("area", o.min_area >= 0 && o.max_area > 0 && o.max_area <= 1 && o.min_area <= o.max_area, o.min_area,
        o.max_area, "a range within 0 to 1");
  if (!(o.min_object_covered >= 0 && o.min_object_covered <= 1))
    fail("min_object_covered is ", o.min_object_covered, "; it has to be in 0 to 1");
}

ODT_INLINE crop_options read_crop_options(const settings& rule) {
  const auto options = read_options<crop_options>(rule);
  try {
    check(options);
  } catch (const error& problem) {
    fail(rule.where(), problem.what());
  }
  return options;
}

ODT_INLINE void sketch::crop_randomly(const crop_options& o, random_stream& random) {
  if (o.random_coef > 0 && !(random.uniform() > o.random_coef)) return;
  crop_constraints want;
  want.min_object_covered = o.min_object_covered;
  want.min_aspect_ratio = o.min_aspect_ratio;
  want.max_aspect_ratio = o.max_aspect_ratio;
  want.min_area = o.min_area;
  want.max_area = o.max_area;
  crop(sample_window(want, truth_.boxes, size_, random), o.overlap_thresh, o.clip_boxes);
}

ODT_INLINE void sketch::pad(size2 canvas, int top, int left, const std::optional<rgb>& color) {
  if (canvas == size_) return;
  const auto h = static_cast<float>(size_.height), w = static_cast<float>(size_.width);
  change_frame(truth_.boxes,
               {static_cast<float>(-top) / h, static_cast<float>(-left) / w,
                static_cast<float>(canvas.height - top) / h, static_cast<float>(canvas.width - left) / w});
  add(pixel_op::kind::pad, 0);
  pixel_op& op = steps_.back();
  op.window = {top, left, size_};
  op.canvas = canvas;
  op.mean_color = !color;
  op.color = color.value_or(rgb{});
  size_ = canvas;
}

ODT_INLINE void sketch::pad_randomly(size2 least, size2 most, const std::optional<rgb>& color, random_stream& random) {
  const auto draw = [&random](int low, int high) { return static_cast<int>(random.integer(low, high)); };
  const auto target = [&draw](int side, int low, int high) {
    low = std::max(low, side), high = std::max(high, side);
    return high > low ? draw(low, high) : high;
  };
  size2 canvas;
  canvas.height = target(size_.height, least.height, most.height);
  canvas.width = target(size_.width, least.width, most.width);
  const int top = draw(0, canvas.height - size_.height);
  const int left = draw(0, canvas.width - size_.width);
  pad(canvas, top, left, color);
}

ODT_INLINE size2 augmentation_chain::draw(labels& truth, size2 size, std::uint64_t seed, std::uint64_t sample,
                                          recipe& steps) const {
  sketch photo(truth, size, steps);
  std::uint32_t stage = detail::augmentation::first_stage;
  for (const auto& each : steps_) {
    random_stream random(seed, sample, stage++);
    each->draw(photo, random);
  }
  return photo.size();
}

ODT_INLINE augmentation_chain augmentation_chain_from(const settings& list,
                                                      const std::vector<augmentation_kind>& kinds) {
  augmentation_chain chain;
  list.read = true;
  for (const settings& element : list.children) {
    element.read = true;
    const settings* message = element.chosen();
    if (!message) fail(element.where(), "names no augmentation");
    const auto kind = std::ranges::find(kinds, std::string_view(message->name), &augmentation_kind::name);
    if (kind == kinds.end()) {
      std::string known;
      for (const augmentation_kind& k : kinds) known += str(known.empty() ? "" : ", ", k.name);
      fail(message->where(), "this augmentation is not available; there are ", known);
    }
    kind->append(chain, *message);
  }
  return chain;
}

}  // namespace odt
