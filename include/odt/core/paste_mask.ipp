// SPDX-License-Identifier: MIT
#pragma once

#include <odt/core/crop_taps.hpp>
#include <odt/core/error.hpp>
#include <odt/core/paste_mask.hpp>
#include <odt/core/resize_taps.hpp>
#include <odt/core/target.hpp>

#include <algorithm>
#include <cstdint>
#include <vector>

namespace odt {

namespace detail::pasting {

/// The rows (or columns) of the picture that meet the box: `first`, and the taps in the mask from it on.
struct axis {
  int first = 0;
  std::vector<crop_tap> taps;

  int end() const { return first + static_cast<int>(taps.size()); }
};

/// A box without extent gets a little, as in the API.
ODT_INLINE axis meet(float begin, float end, int mask, int picture) {
  const float extent = std::max(end - begin, 1e-4f);
  const crop_axis samples((0 - begin) / extent, (1 - begin) / extent, mask, picture);
  axis result;
  for (int i = 0; i < picture; ++i) {
    const crop_tap tap = samples.tap(i);
    if (!tap.inside) continue;
    if (result.taps.empty()) result.first = i;
    result.taps.push_back(tap);
  }
  return result;
}

/// A mask over the pixels of a picture.
struct pasted {
  const float_image& mask;
  axis rows, columns;

  pasted(const float_image& of_box, const boxf& bounds, size2 picture)
      : mask(of_box),
        rows(meet(bounds.ymin, bounds.ymax, mask.height, picture.height)),
        columns(meet(bounds.xmin, bounds.xmax, mask.width, picture.width)) {
    if (mask.channels != 1 || mask.height < 1 || mask.width < 1)
      fail("a detection's mask of ", mask.height, "x", mask.width, "x", mask.channels,
           " (height x width x channels); it has to have pixels of one channel");
  }

  /// Of row rows.first + y and column columns.first + x.
  float at(std::size_t y, std::size_t x) const {
    const crop_tap &row = rows.taps[y], &column = columns.taps[x];
    const float above = blend(*mask.at(row.low, column.low), *mask.at(row.low, column.high), column.share);
    const float below = blend(*mask.at(row.high, column.low), *mask.at(row.high, column.high), column.share);
    return blend(above, below, row.share);
  }
};

}  // namespace detail::pasting

ODT_INLINE float_image paste_mask(const float_image& mask, const boxf& bounds, size2 picture) {
  const detail::pasting::pasted source(mask, bounds, picture);
  float_image result(picture.height, picture.width, 1);
  for (std::size_t y = 0; y < source.rows.taps.size(); ++y)
    for (std::size_t x = 0; x < source.columns.taps.size(); ++x)
      *result.at(source.rows.first + static_cast<int>(y), source.columns.first + static_cast<int>(x)) = source.at(y, x);
  return result;
}

ODT_INLINE run_lengths object_pixels(const detection& found, size2 picture, float threshold) {
  if (found.mask.pixels.empty()) fail("a detection has no mask to be laid over the picture");
  const detail::pasting::pasted source(found.mask, found.bounds, picture);
  const auto height = static_cast<std::uint32_t>(picture.height), width = static_cast<std::uint32_t>(picture.width);
  const auto above = static_cast<std::uint32_t>(source.rows.first),
             left = static_cast<std::uint32_t>(source.columns.first);
  const auto below = height - static_cast<std::uint32_t>(source.rows.end());
  run_writer runs(picture);
  runs.add(left * height, false);
  for (std::size_t x = 0; x < source.columns.taps.size(); ++x) {
    runs.add(above, false);
    for (std::size_t y = 0; y < source.rows.taps.size(); ++y) runs.add(1, source.at(y, x) > threshold);
    runs.add(below, false);
  }
  runs.add((width - static_cast<std::uint32_t>(source.columns.end())) * height, false);
  return runs.take();
}

}  // namespace odt
