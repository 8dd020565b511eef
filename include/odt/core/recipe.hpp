// SPDX-License-Identifier: MIT
// What is to happen to the pixels of one image: a list of plain operations, drawn by augmentations, followed on the CPU
// by `follow` and on a device pixel by pixel (picture_job.hpp).
#pragma once

#include <odt/core/color.hpp>
#include <odt/core/image.hpp>
#include <odt/core/target.hpp>

#include <cstdint>
#include <vector>

namespace odt {

class picture;

/// One thing to do to the pixels.
struct pixel_op {
  enum class kind : std::uint8_t {
    crop,  ///< keep `window`
    pad,   ///< put the image into `window` of a canvas of size `canvas`
    flip_horizontally,
    flip_vertically,
    brightness,  ///< by `amount` of the full scale
    contrast,    ///< times `amount`, about the mean of each channel
    saturation,  ///< times `amount`
    hue,         ///< turned by `amount`
    gray,
  };

  kind what{};
  pixel_window window{};
  size2 canvas{};
  float amount = 0;
  bool mean_color = false;  ///< pad with the image's mean, else with `color`
  rgb color{};              ///< and where the mean is needed and known, the mean

  friend constexpr bool operator==(const pixel_op&, const pixel_op&) = default;
};

/// What was drawn for one image.
using recipe = std::vector<pixel_op>;

/// Whether an operation wants the mean colour of the image before it in `color`.
ODT_HD constexpr bool needs_mean(const pixel_op& op) {
  return op.what == pixel_op::kind::contrast || (op.what == pixel_op::kind::pad && op.mean_color);
}

/// Calls use(change), where change(rgb) is what an operation does to each pixel, unless it only moves pixels.
template <class Use>
ODT_HD constexpr void with_color_change(const pixel_op& op, const Use& use) {
  using enum pixel_op::kind;
  switch (op.what) {
    case brightness:
      return use([d = op.amount](rgb p) { return adjust_brightness(p, d); });
    case contrast:
      return use([f = op.amount, mean = op.color](rgb p) { return adjust_contrast(p, f, mean); });
    case saturation:
      return use([f = op.amount](rgb p) { return adjust_saturation(p, f); });
    case hue:
      return use([d = op.amount](rgb p) { return adjust_hue(p, d); });
    case gray:
      return use([](rgb p) { return to_gray(p); });
    default:
      return;
  }
}

/// Follows the recipe, in order.
void follow(const recipe& steps, picture& pixels);

/// A recipe that begins with a crop.
struct cropped_recipe {
  pixel_window window;  ///< of the image, to be cropped first
  recipe rest;          ///< then to be followed
};

/// The same recipe with its crops in front, for an image of that size: all crops that no padding and no mean colour
/// precede.
cropped_recipe crop_first(const recipe& steps, size2 size);

}  // namespace odt

#if defined(ODT_HEADER_ONLY)
#include <odt/core/recipe.ipp>
#endif
