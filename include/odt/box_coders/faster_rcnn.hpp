// SPDX-License-Identifier: MIT
// Faster R-CNN's parametrization of a box by an anchor (Ren et al., 2015, section 3.1.2), with scale factors:
//   ty = y_scale * (y - ya) / ha          th = height_scale * log(h / ha)
//   tx = x_scale * (x - xa) / wa          tw = width_scale * log(w / wa)
// where y, x, h, w are center and sides of the box and ya, xa, ha, wa those of the anchor.
#pragma once

#include <odt/box_coder.hpp>

#include <cmath>

namespace odt {

/// Centers in units of the anchor, sides as logarithms of ratios. The code is {ty, tx, th, tw}.
struct faster_rcnn_box_coder {
  static constexpr std::string_view name = "faster_rcnn_box_coder";
  static constexpr int code_size = 4;

  struct options {
    float y_scale = 10;
    float x_scale = 10;
    float height_scale = 5;
    float width_scale = 5;

    static constexpr void fields(auto& o, auto&& field) {
      field("y_scale", o.y_scale);
      field("x_scale", o.x_scale);
      field("height_scale", o.height_scale);
      field("width_scale", o.width_scale);
    }
  };

  options opts{};

  template <class T>
  ODT_HD constexpr std::array<T, 4> encode(const box<T>& b, const box<T>& anchor) const {
    using std::log;
    const detail::center_box<T> c(b), a(anchor);
    const T epsilon(static_cast<float>(detail::box_coder_epsilon));
    const T ha = a.height + epsilon, wa = a.width + epsilon;
    return {(c.y - a.y) / ha * T(opts.y_scale), (c.x - a.x) / wa * T(opts.x_scale),
            log((c.height + epsilon) / ha) * T(opts.height_scale), log((c.width + epsilon) / wa) * T(opts.width_scale)};
  }

  template <class T>
  ODT_HD constexpr box<T> decode(const std::array<T, 4>& code, const box<T>& anchor) const {
    using std::exp;
    const detail::center_box<T> a(anchor);
    const T height = exp(code[2] / T(opts.height_scale)) * a.height;
    const T width = exp(code[3] / T(opts.width_scale)) * a.width;
    const T y = code[0] / T(opts.y_scale) * a.height + a.y;
    const T x = code[1] / T(opts.x_scale) * a.width + a.x;
    return detail::box_around(y, x, height, width);
  }
};

}  // namespace odt
