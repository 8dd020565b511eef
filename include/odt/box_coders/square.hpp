// SPDX-License-Identifier: MIT
// Squares by three numbers, for objects of one shape (faces, nuclei). With l = sqrt(h * w) and la = sqrt(ha * wa):
//   ty = y_scale * (y - ya) / la      tx = x_scale * (x - xa) / la      tl = length_scale * log(l / la)
// A box that is not a square comes back as the square of the same area.
#pragma once

#include <odt/box_coder.hpp>

#include <cmath>

namespace odt {

/// The code is {ty, tx, tl}.
struct square_box_coder {
  static constexpr std::string_view name = "square_box_coder";
  static constexpr int code_size = 3;

  struct options {
    float y_scale = 10;
    float x_scale = 10;
    float length_scale = 5;

    static constexpr void fields(auto& o, auto&& field) {
      field("y_scale", o.y_scale);
      field("x_scale", o.x_scale);
      field("length_scale", o.length_scale);
    }
  };

  options opts{};

  template <class T>
  ODT_HD constexpr std::array<T, 3> encode(const box<T>& b, const box<T>& anchor) const {
    using std::log, std::sqrt;
    const detail::center_box<T> c(b), a(anchor);
    const T epsilon(static_cast<float>(detail::box_coder_epsilon));
    const T la = sqrt(a.height * a.width) + epsilon, l = sqrt(c.height * c.width) + epsilon;
    return {(c.y - a.y) / la * T(opts.y_scale), (c.x - a.x) / la * T(opts.x_scale), log(l / la) * T(opts.length_scale)};
  }

  template <class T>
  ODT_HD constexpr box<T> decode(const std::array<T, 3>& code, const box<T>& anchor) const {
    using std::exp, std::sqrt;
    const detail::center_box<T> a(anchor);
    const T la = sqrt(a.height * a.width);
    const T l = exp(code[2] / T(opts.length_scale)) * la;
    const T y = code[0] / T(opts.y_scale) * la + a.y;
    const T x = code[1] / T(opts.x_scale) * la + a.x;
    return detail::box_around(y, x, l, l);
  }
};

}  // namespace odt
