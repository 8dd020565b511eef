// SPDX-License-Identifier: MIT
// One sample of a crop: what it is of the map's pixels, and where its gradient goes.
#pragma once

#include <odt/core/crop_taps.hpp>
#include <odt/core/resize_taps.hpp>
#include <odt/exec/cpu/machine/vector_tools.hpp>

namespace odt::cpu {
inline namespace ODT_ISA {

/// The image of the map that image `crop` of the crops is cut from; every one has as many.
inline int image_of_crop(int crop, int crops, int images) { return crop / (crops / images); }

/// A sample along both axes.
struct crop_point {
  crop_tap row, column;

  bool inside() const { return row.inside && column.inside; }

  /// The transformed values of image n there, `rest` channels from c on. For points inside.
  [[gnu::always_inline]] vec read(const const_tensor& map, int n, int c, int rest) const {
    const vector_transform transform(map.transform, c, rest);
    const auto value = [&](int y, int x) { return transform(load_first(map.pixel(n, y, x) + c, rest)); };
    const vec share(column.share);
    const vec top = blend(value(row.low, column.low), value(row.low, column.high), share);
    const vec bottom = blend(value(row.high, column.low), value(row.high, column.high), share);
    return blend(top, bottom, vec(row.share));
  }

  /// Adds scale*gradients, of `count` channels from c on, to the pixels of image n of which the point is made.
  void spread(const float* gradients, float scale, const tensor& dx, int n, int c, int count) const {
    if (!inside()) return;
    for (int y = row.low; y <= row.high; ++y)
      for (int x = column.low; x <= column.high; ++x) {
        const vec share(row.of(y) * column.of(x) * scale);
        float* const to = dx.pixel(n, y, x) + c;
        for (int i = 0; i < count; i += lanes)
          store_first(to + i, load_first(to + i, count - i) + share * load_first(gradients + i, count - i), count - i);
      }
  }
};

/// Clears `count` channels of an image from c on.
inline void clear_channels(const tensor& dx, int n, int c, int count) {
  for (int y = 0; y < dx.height; ++y)
    for (int x = 0; x < dx.width; ++x) std::fill_n(dx.pixel(n, y, x) + c, count, 0.0f);
}

}  // namespace ODT_ISA
}  // namespace odt::cpu
