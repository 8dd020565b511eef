// SPDX-License-Identifier: MIT
// A box and the few functions of it that every room needs.
#pragma once

#include <odt/core/target.hpp>

namespace odt {

/// Corners in the API's order. Normalized to the image (0..1) or in pixels, as the context says.
/// T is float, double, or a SIMD batch of them.
template <class T>
struct box {
  T ymin, xmin, ymax, xmax;

  friend constexpr bool operator==(const box&, const box&) = default;
};

using boxf = box<float>;

template <class T>
ODT_HD constexpr T height(const box<T>& b) {
  return b.ymax - b.ymin;
}

template <class T>
ODT_HD constexpr T width(const box<T>& b) {
  return b.xmax - b.xmin;
}

template <class T>
ODT_HD constexpr T area(const box<T>& b) {
  return height(b) * width(b);
}

}  // namespace odt
