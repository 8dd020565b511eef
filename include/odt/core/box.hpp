// SPDX-License-Identifier: MIT
// A box and the few functions of it that every room needs.
#pragma once

#include <odt/core/scalar.hpp>

namespace odt {

/// Corners in the API's order. Normalized to the image (0..1) or in pixels, as the context says.
/// T is float, double, or a SIMD batch of them.
template <class T>
struct box {
  T ymin, xmin, ymax, xmax;

  friend bool operator==(const box&, const box&) = default;
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

/// The box with its corners in their order.
template <class T>
ODT_HD constexpr box<T> upright(const box<T>& b) {
  return {min(b.ymin, b.ymax), min(b.xmin, b.xmax), max(b.ymin, b.ymax), max(b.xmin, b.xmax)};
}

/// The area that both boxes cover; 0 for boxes that only touch.
template <class T>
ODT_HD constexpr T intersection(const box<T>& a, const box<T>& b) {
  const T h = min(a.ymax, b.ymax) - max(a.ymin, b.ymin);
  const T w = min(a.xmax, b.xmax) - max(a.xmin, b.xmin);
  return max(h, T(0)) * max(w, T(0));
}

/// Intersection over union; 0 where nothing is shared, also for boxes without area.
template <class T>
ODT_HD constexpr T iou(const box<T>& a, const box<T>& b) {
  const T shared = intersection(a, b);
  return select(shared == T(0), T(0), shared / (area(a) + area(b) - shared));
}

/// The part of the box inside the window; a box outside becomes a line or point on the window's edge.
template <class T>
ODT_HD constexpr box<T> clip(const box<T>& b, const box<T>& window) {
  return {max(min(b.ymin, window.ymax), window.ymin), max(min(b.xmin, window.xmax), window.xmin),
          max(min(b.ymax, window.ymax), window.ymin), max(min(b.xmax, window.xmax), window.xmin)};
}

/// The box in the coordinates of the window: its corner becomes (0, 0), its far corner (1, 1).
template <class T>
ODT_HD constexpr box<T> change_coordinate_frame(const box<T>& b, const box<T>& window) {
  const T y = T(1) / height(window), x = T(1) / width(window);
  return {(b.ymin - window.ymin) * y, (b.xmin - window.xmin) * x, (b.ymax - window.ymin) * y,
          (b.xmax - window.xmin) * x};
}

}  // namespace odt
