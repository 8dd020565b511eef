// SPDX-License-Identifier: MIT
// Colour changes of one pixel, as tf.image does them but on values in 0..255.
#pragma once

#include <odt/core/target.hpp>

namespace odt {

/// A pixel, 0..255.
struct rgb {
  float r, g, b;

  friend constexpr bool operator==(const rgb&, const rgb&) = default;
};

namespace detail::color_math {

ODT_HD constexpr float smaller(float a, float b) { return b < a ? b : a; }
ODT_HD constexpr float larger(float a, float b) { return a < b ? b : a; }
ODT_HD constexpr float clip(float value) { return smaller(larger(value, 0.0f), 255.0f); }
ODT_HD constexpr rgb clip(rgb p) { return {clip(p.r), clip(p.g), clip(p.b)}; }

/// How far a channel lies below the largest one, as a share of the range, at hue `k` (0..6, shifted by the channel).
ODT_HD constexpr float hue_share(float k) {
  if (k >= 6.0f) k -= 6.0f;
  return larger(0.0f, smaller(smaller(k, 4.0f - k), 1.0f));
}

}  // namespace detail::color_math

/// Adds `delta` (a share of the full scale) to every channel, then clips.
ODT_HD constexpr rgb adjust_brightness(rgb p, float delta) {
  const float d = delta * 255.0f;
  return detail::color_math::clip({p.r + d, p.g + d, p.b + d});
}

/// Scales the distance to the image's mean colour, then clips.
ODT_HD constexpr rgb adjust_contrast(rgb p, float factor, rgb mean) {
  return detail::color_math::clip(
      {(p.r - mean.r) * factor + mean.r, (p.g - mean.g) * factor + mean.g, (p.b - mean.b) * factor + mean.b});
}

/// Scales the saturation of the HSV form (at most to 1): hue and the largest channel stay, so the others move along the
/// line to it.
ODT_HD constexpr rgb adjust_saturation(rgb p, float factor) {
  using namespace detail::color_math;
  const float top = larger(larger(p.r, p.g), p.b), range = top - smaller(smaller(p.r, p.g), p.b);
  const float k = range > 0 ? smaller(factor, top / range) : factor;
  return clip({top + (p.r - top) * k, top + (p.g - top) * k, top + (p.b - top) * k});
}

/// Turns the hue of the HSV form by `delta` turns (-1..1); the largest and the smallest channel keep their values.
ODT_HD constexpr rgb adjust_hue(rgb p, float delta) {
  using namespace detail::color_math;
  const float top = larger(larger(p.r, p.g), p.b), range = top - smaller(smaller(p.r, p.g), p.b);
  const float unit = range > 0 ? 1.0f / range : 0.0f;
  float hue = p.r == top ? (p.g - p.b) * unit : p.g == top ? (p.b - p.r) * unit + 2.0f : (p.r - p.g) * unit + 4.0f;
  hue += delta * 6.0f;
  if (hue < 0.0f) hue += 6.0f;
  if (hue < 0.0f) hue += 6.0f;
  if (hue >= 6.0f) hue -= 6.0f;
  if (hue >= 6.0f) hue -= 6.0f;
  return clip(
      {top - range * hue_share(hue + 5.0f), top - range * hue_share(hue + 3.0f), top - range * hue_share(hue + 1.0f)});
}

/// The luma in all channels.
ODT_HD constexpr rgb to_gray(rgb p) {
  const float luma = p.r * 0.2989f + p.g * 0.5870f + p.b * 0.1140f;
  return {luma, luma, luma};
}

}  // namespace odt
