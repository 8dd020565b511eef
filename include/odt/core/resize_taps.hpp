// SPDX-License-Identifier: MIT
// Which pixels of a row (or column) make a pixel of the resized one, and their shares, with TensorFlow's sampling
// (source = destination * in / out).
#pragma once

#include <odt/core/target.hpp>

#include <algorithm>
#include <cmath>

namespace odt {

enum class resize_method { bilinear, nearest_neighbor, bicubic, area };

/// A row of `in` pixels that becomes one of `out`.
struct resize_axis {
  resize_method method = resize_method::bilinear;
  int in = 1, out = 1;
  float scale = 1;  ///< in / out

  constexpr resize_axis() = default;
  constexpr resize_axis(resize_method how, int from, int to)
      : method(how), in(from), out(to), scale(static_cast<float>(from) / static_cast<float>(to)) {}
};

struct resize_tap {
  int index = 0;     ///< of the pixel
  float weight = 0;  ///< its share; bilinear: of the first one 0, since a blend takes the second one's
};

/// Between two values, in TensorFlow's form and order. Kernels call it, since it is constexpr; ODT_HD would compile it
/// for the vectors of the CPU's blends too, which nvcc refuses.
template <class T, class S>
[[gnu::always_inline]] constexpr T blend(const T& a, const T& b, const S& share) {
  return a + (b - a) * share;
}

namespace detail::resizing {

ODT_HD inline resize_tap nearest_tap(float scale, int in, int i) {
  return {std::min(static_cast<int>(std::floor(static_cast<float>(i) * scale)), in - 1), 1};
}

ODT_HD inline resize_tap bilinear_tap(float scale, int in, int i, int k) {
  const float at = static_cast<float>(i) * scale, below = std::floor(at);
  const int low = std::min(static_cast<int>(below), in - 1);
  return k == 0 ? resize_tap{low, 0} : resize_tap{std::min(low + 1, in - 1), at - below};
}

/// Keys' kernel with a = -0.75, its fraction rounded to 1/1024 as in TensorFlow's table.
ODT_HD inline resize_tap bicubic_tap(float scale, int in, int i, int k) {
  constexpr float a = -0.75f;
  const auto near = [](float x) { return ((a + 2) * x - (a + 3)) * x * x + 1; };
  const auto far = [](float x) { return ((a * x - 5 * a) * x + 8 * a) * x - 4 * a; };
  const float at = static_cast<float>(i) * scale;
  const int base = static_cast<int>(at);
  const float f = static_cast<float>(std::lrintf((at - static_cast<float>(base)) * 1024)) / 1024;
  const float weight = k == 0 ? far(1 + f) : k == 1 ? near(f) : k == 2 ? near(1 - f) : far(2 - f);
  return {std::clamp(base - 1 + k, 0, in - 1), weight};
}

/// Every source pixel counts with its overlap with the interval that the result covers.
ODT_HD inline resize_tap area_tap(float scale, int in, int i, int k) {
  const float begin = static_cast<float>(i) * scale, end = static_cast<float>(i + 1) * scale;
  const int at = static_cast<int>(std::floor(begin)) + k;
  const auto low = static_cast<float>(at);
  return {std::min(at, in - 1), std::max(0.0f, std::min(end, low + 1) - std::max(begin, low)) / scale};
}

}  // namespace detail::resizing

/// How many pixels make one.
ODT_HD inline int tap_count(const resize_axis& axis) {
  switch (axis.method) {
    case resize_method::bilinear:
      return 2;
    case resize_method::nearest_neighbor:
      return 1;
    case resize_method::bicubic:
      return 4;
    default:
      return static_cast<int>(std::ceil(axis.scale)) + 2;
  }
}

/// The k-th of those that make pixel i of the resized row.
ODT_HD inline resize_tap tap_of(const resize_axis& axis, int i, int k) {
  using namespace detail::resizing;
  switch (axis.method) {
    case resize_method::bilinear:
      return bilinear_tap(axis.scale, axis.in, i, k);
    case resize_method::nearest_neighbor:
      return nearest_tap(axis.scale, axis.in, i);
    case resize_method::bicubic:
      return bicubic_tap(axis.scale, axis.in, i, k);
    default:
      return area_tap(axis.scale, axis.in, i, k);
  }
}

}  // namespace odt
