// SPDX-License-Identifier: MIT
// Which pixels of a map make a sample of a crop, and their shares: TensorFlow's crop_and_resize, its arithmetic in
// float and in its order, since one unit in the last place decides whether a sample at the border lies inside the map.
#pragma once

#include <odt/core/box.hpp>
#include <odt/core/target.hpp>

namespace odt {

/// A sample along one axis: between two neighbouring pixels or on one.
struct crop_tap {
  int low = 0, high = 0;
  float share = 0;      ///< of pixel `high`; that of `low` is the rest
  bool inside = false;  ///< else the sample is 0

  /// The share of any pixel.
  ODT_HD constexpr float of(int pixel) const {
    if (!inside) return 0;
    return pixel == low ? 1 - share : pixel == high ? share : 0;
  }
};

/// Samples [begin, end) along one axis.
struct crop_range {
  int begin = 0, end = 0;
};

/// The samples of a crop along one axis of the map: `out` of them from one side of the box to the other, a single one
/// in its middle. A box whose sides are swapped gives them backwards.
struct crop_axis {
  int in = 1, out = 1;
  float first = 0;     ///< position of the first sample, in pixels
  float step = 0;      ///< from a sample to the next
  bool whole = false;  ///< from corner to corner of the map: rounding leads no sample outside

  /// `begin` and `end` are sides of a normalized box.
  ODT_HD constexpr crop_axis(float begin, float end, int pixels, int samples) : in(pixels), out(samples) {
    const auto last = static_cast<float>(in - 1);
    if (out > 1)
      first = begin * last, step = (end - begin) * last / static_cast<float>(out - 1);
    else
      first = 0.5f * (begin + end) * last;
  }

  /// All of the map, as TensorFlow's resize_bilinear with align_corners; a single sample is the first pixel.
  ODT_HD constexpr crop_axis(int pixels, int samples) : in(pixels), out(samples), whole(true) {
    if (out > 1) step = static_cast<float>(in - 1) / static_cast<float>(out - 1);
  }

  ODT_HD constexpr float position(int sample) const {
    const float at = first + static_cast<float>(sample) * step, last = static_cast<float>(in - 1);
    return whole && at > last ? last : at;
  }

  ODT_HD constexpr crop_tap tap(int sample) const {
    const float at = position(sample);
    if (!(at >= 0 && at <= static_cast<float>(in - 1))) return {};
    const int low = static_cast<int>(at);
    const float share = at - static_cast<float>(low);
    return {low, share > 0 ? low + 1 : low, share, true};
  }

  /// The samples that lie less than a pixel from that one: all in which it has a share, and maybe some outside the map.
  ODT_HD constexpr crop_range near(int pixel) const {
    const float direction = step < 0 ? -1.0f : 1.0f, at = direction * static_cast<float>(pixel);
    return {first_where([&](float sample) { return direction * sample > at - 1; }),
            first_where([&](float sample) { return direction * sample >= at + 1; })};
  }

  /// The shares of a pixel in all samples, added up.
  ODT_HD constexpr float total_of(int pixel) const {
    const crop_range samples = near(pixel);
    float sum = 0;
    for (int i = samples.begin; i < samples.end; ++i) sum += tap(i).of(pixel);
    return sum;
  }

 private:
  /// Positions are monotonic, so that those where the condition holds come last.
  template <class Condition>
  ODT_HD constexpr int first_where(const Condition& holds) const {
    int begin = 0, end = out;
    while (begin < end) {
      const int middle = (begin + end) / 2;
      if (holds(position(middle)))
        end = middle;
      else
        begin = middle + 1;
    }
    return begin;
  }
};

/// The rows and columns of a crop: of box number `crop`, or without boxes of the whole map.
ODT_HD constexpr crop_axis crop_rows(const boxf* boxes, int crop, int map_height, int samples) {
  if (!boxes) return {map_height, samples};
  return {boxes[crop].ymin, boxes[crop].ymax, map_height, samples};
}
ODT_HD constexpr crop_axis crop_columns(const boxf* boxes, int crop, int map_width, int samples) {
  if (!boxes) return {map_width, samples};
  return {boxes[crop].xmin, boxes[crop].xmax, map_width, samples};
}

/// How a position sensitive crop is divided (the API's position_sensitive_crop_regions, R-FCN's pooling): bin number b,
/// row by row, is a crop of the map's channels [b*depth, (b + 1)*depth).
struct position_sensitive_bins {
  int num_spatial_bins_height = 3, num_spatial_bins_width = 3;
  int crop_height = 3, crop_width = 3;  ///< samples of all bins together; multiples of the numbers of bins

  friend bool operator==(const position_sensitive_bins&, const position_sensitive_bins&) = default;

  ODT_HD constexpr int count() const { return num_spatial_bins_height * num_spatial_bins_width; }
  ODT_HD constexpr int samples() const { return crop_height * crop_width; }
  /// Samples of one bin.
  ODT_HD constexpr int bin_height() const { return crop_height / num_spatial_bins_height; }
  ODT_HD constexpr int bin_width() const { return crop_width / num_spatial_bins_width; }

  /// The samples of one bin of a box's crop.
  ODT_HD constexpr crop_axis rows(const boxf& b, int bin, int map_height) const {
    return part(b.ymin, b.ymax, bin / num_spatial_bins_width, num_spatial_bins_height, map_height, bin_height());
  }
  ODT_HD constexpr crop_axis columns(const boxf& b, int bin, int map_width) const {
    return part(b.xmin, b.xmax, bin % num_spatial_bins_width, num_spatial_bins_width, map_width, bin_width());
  }

 private:
  ODT_HD static constexpr crop_axis part(float begin, float end, int i, int parts, int pixels, int samples) {
    const float size = (end - begin) / static_cast<float>(parts);
    return {begin + static_cast<float>(i) * size, begin + static_cast<float>(i + 1) * size, pixels, samples};
  }
};

}  // namespace odt
