// SPDX-License-Identifier: MIT
// A box coder says where a box lies relative to an anchor: `encode` gives the numbers that a network learns to predict,
// `decode` turns predicted numbers back into a box. It works on one box and one anchor; that they belong together is
// the matcher's affair, and weights, losses and loops are others'.
//
// Required of a coder C, for T = float, double or a SIMD batch of floats:
//   static constexpr int code_size;                                          how many numbers a box becomes
//   ODT_HD constexpr std::array<T, code_size> encode(box<T> b, box<T> anchor) const;
//   ODT_HD constexpr box<T> decode(std::array<T, code_size> code, box<T> anchor) const;
// Law: decode(encode(b, a), a) is b, up to rounding, for boxes and anchors with an area, where the code holds all of a
// box (`square_box_coder` knows squares only).
// Coders: box_coders/{faster_rcnn,mean_stddev,square}.hpp.
#pragma once

#include <odt/core/box.hpp>
#include <odt/core/policy.hpp>

#include <array>
#include <concepts>
#include <cstddef>

namespace odt {

/// The type of a coder's numbers.
template <class C, class T>
using box_code = std::array<T, static_cast<std::size_t>(C::code_size)>;

namespace detail {
template <class C, class T>
concept codes_boxes_of = requires(const C& coder, const box<T>& b, const box_code<C, T>& code) {
  { coder.encode(b, b) } -> std::same_as<box_code<C, T>>;
  { coder.decode(code, b) } -> std::same_as<box<T>>;
};
}  // namespace detail

template <class C>
concept box_coder = policy<C> && detail::codes_boxes_of<C, float> && detail::codes_boxes_of<C, double>;

namespace detail {

/// Added to the sides of boxes before a division or logarithm, as the API does.
inline constexpr double box_coder_epsilon = 1e-8;

/// Center and sides of a box.
template <class T>
struct center_box {
  T y, x, height, width;

  ODT_HD constexpr explicit center_box(const box<T>& b)
      : y(b.ymin + odt::height(b) / T(2)),
        x(b.xmin + odt::width(b) / T(2)),
        height(odt::height(b)),
        width(odt::width(b)) {}
};

/// The box with the given center and sides.
template <class T>
ODT_HD constexpr box<T> box_around(const T& y, const T& x, const T& height, const T& width) {
  const T half_height = height / T(2), half_width = width / T(2);
  return {y - half_height, x - half_width, y + half_height, x + half_width};
}

}  // namespace detail

}  // namespace odt
