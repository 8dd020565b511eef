// SPDX-License-Identifier: MIT
// What surrounds the detections of a two-stage detector on the host, whatever device predicts: windows, proposals as
// detections, boxes whose masks are wanted, masks.
#pragma once

#include <odt/core/batch.hpp>
#include <odt/core/error.hpp>
#include <odt/core/text.hpp>
#include <odt/exec/faster_rcnn_predictions.hpp>
#include <odt/exec/two_stage_elements.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <span>
#include <string>
#include <vector>

namespace odt {

/// Where image i lies in its padded input, in pixels.
inline boxf window_in_pixels(const batch& b, std::size_t i) { return in_pixels(b.window(i), {b.height, b.width}); }

/// Refuses a batch whose objects have no masks, for who trains with them.
inline void require_masks(const batch& b) {
  if (b.masks.empty() && std::ranges::any_of(b.counts, [](int n) { return n > 0; }))
    fail("a batch of ", b.ids.empty() ? std::string("images") : join(b.ids, ", "),
         " has no masks, which number_of_stages: 3 is trained with; set load_instance_masks: true in "
         "train_input_reader, or 2 stages");
}

/// Proposals, in host memory, as detections of a single class: those of a detector of one stage. `windows` are in
/// pixels.
inline std::vector<detections> as_detections(const proposals& found, std::span<const boxf> windows) {
  std::vector<detections> all(static_cast<std::size_t>(found.batch));
  for (std::size_t i = 0; i < all.size(); ++i)
    for (int k = 0; k < found.counts[i]; ++k) {
      const std::size_t at = i * static_cast<std::size_t>(found.capacity) + static_cast<std::size_t>(k);
      all[i].push_back({change_coordinate_frame(found.boxes[at], windows[i]), 0, found.scores[at], k});
    }
  return all;
}

/// The boxes whose masks are wanted, [images, capacity], normalized to the network's input; zeros behind those of an
/// image.
inline void put_detections(const std::vector<detections>& found, std::span<const boxf> windows, size2 input,
                           std::size_t capacity, boxf* boxes) {
  std::fill_n(boxes, found.size() * capacity, boxf{0, 0, 0, 0});
  const auto h = static_cast<float>(input.height), v = static_cast<float>(input.width);
  for (std::size_t i = 0; i < found.size(); ++i)
    for (std::size_t k = 0; k < found[i].size(); ++k) {
      const boxf &b = found[i][k].bounds, &w = windows[i];
      boxes[i * capacity + k] = {b.ymin * w.ymax / h, b.xmin * w.xmax / v, b.ymax * w.ymax / h, b.xmax * w.xmax / v};
    }
}

/// Gives each detection the mask of its class. The predictions lie in host memory; row k of an image is that of its
/// detection k.
inline void put_masks(const mask_predictions& p, std::vector<detections>& found) {
  const auto classes = static_cast<std::size_t>(p.classes), pixels = static_cast<std::size_t>(p.height * p.width);
  for (std::size_t i = 0; i < found.size(); ++i)
    for (std::size_t k = 0; k < found[i].size(); ++k) {
      const float* logits = p.logits + (i * static_cast<std::size_t>(p.proposals) + k) * pixels * classes;
      if (classes > 1) logits += found[i][k].label;
      float_image& own = found[i][k].mask = float_image(p.height, p.width, 1);
      for (std::size_t at = 0; at < pixels; ++at) own.pixels[at] = 1 / (1 + std::exp(-logits[at * classes]));
    }
}

}  // namespace odt
