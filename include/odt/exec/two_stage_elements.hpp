// SPDX-License-Identifier: MIT
// What both stages of a detector compute of single anchors, proposals and images, the same on all devices.
#pragma once

#include <odt/core/box.hpp>
#include <odt/core/crop_taps.hpp>
#include <odt/core/image.hpp>
#include <odt/exec/balanced_sampler.hpp>
#include <odt/matcher.hpp>
#include <odt/post_processing.hpp>

#include <cstdint>

namespace odt {

/// Softmax of background and object, the object's share.
template <class T>
ODT_HD constexpr T objectness_score(const T& background, const T& object) {
  const T most = max(background, object), share = softmax_term(object, most, T(1));
  return share / (softmax_term(background, most, T(1)) + share);
}

/// A normalized box in pixels of the network's input.
ODT_HD constexpr boxf in_pixels(const boxf& b, size2 input) {
  const auto h = static_cast<float>(input.height), w = static_cast<float>(input.width);
  return {b.ymin * h, b.xmin * w, b.ymax * h, b.xmax * w};
}

/// The reverse.
ODT_HD constexpr boxf normalized(const boxf& in_pixels, size2 input) {
  const float y = 1 / static_cast<float>(input.height), x = 1 / static_cast<float>(input.width);
  return {in_pixels.ymin * y, in_pixels.xmin * x, in_pixels.ymax * y, in_pixels.xmax * x};
}

/// What an anchor is to the first stage's sampler, by its targets.
ODT_HD constexpr candidate anchor_candidate(float class_weight, int class_target) {
  if (!(class_weight > 0)) return candidate::none;
  return class_target > 0 ? candidate::positive : candidate::negative;
}

/// What a proposal is to the second stage's sampler, by its match; `weights` are those of the image's boxes.
ODT_HD constexpr candidate proposal_candidate(int match, const float* weights) {
  if (match == unmatched) return candidate::negative;
  return match >= 0 && weights[match] > 0 ? candidate::positive : candidate::none;
}

/// By what the losses of an image are divided: its anchors or proposals that count, and the images of the batch.
ODT_HD constexpr float image_normalizer(int count, float images) {
  return static_cast<float>(count > 1 ? count : 1) * images;
}

/// Sample (y, x) of the part of a mask (0 or 1 a pixel, row by row) that a box frames, bilinearly; 0 outside it.
ODT_HD constexpr float mask_sample(const std::uint8_t* mask, size2 size, const boxf& normalized, size2 samples, int y,
                                   int x) {
  const crop_tap row = crop_axis(normalized.ymin, normalized.ymax, size.height, samples.height).tap(y);
  const crop_tap column = crop_axis(normalized.xmin, normalized.xmax, size.width, samples.width).tap(x);
  if (!row.inside || !column.inside) return 0;
  const auto between = [&](int line) {
    const std::uint8_t* const pixels = mask + static_cast<std::int64_t>(line) * size.width;
    const auto left = static_cast<float>(pixels[column.low]), right = static_cast<float>(pixels[column.high]);
    return left + (right - left) * column.share;
  };
  const float top = between(row.low), bottom = between(row.high);
  return top + (bottom - top) * row.share;
}

}  // namespace odt
