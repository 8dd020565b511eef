// SPDX-License-Identifier: MIT
// How far each side of a box is from the anchor's, in heights and widths of the anchor:
//   t = scale * (side - anchor's side) / anchor's size
#pragma once

#include <odt/box_coder.hpp>

struct side_box_coder {
  static constexpr std::string_view name = "side_box_coder";
  static constexpr int code_size = 4;

  struct options {
    float scale = 5;

    static constexpr void fields(auto& o, auto&& field) { field("scale", o.scale); }
  };

  options opts{};

  template <class T>
  ODT_HD constexpr std::array<T, 4> encode(const odt::box<T>& b, const odt::box<T>& anchor) const {
    const T y = unit(odt::height(anchor)), x = unit(odt::width(anchor));
    return {(b.ymin - anchor.ymin) / y, (b.xmin - anchor.xmin) / x, (b.ymax - anchor.ymax) / y,
            (b.xmax - anchor.xmax) / x};
  }

  template <class T>
  ODT_HD constexpr odt::box<T> decode(const std::array<T, 4>& code, const odt::box<T>& anchor) const {
    const T y = unit(odt::height(anchor)), x = unit(odt::width(anchor));
    return {anchor.ymin + code[0] * y, anchor.xmin + code[1] * x, anchor.ymax + code[2] * y, anchor.xmax + code[3] * x};
  }

 private:
  /// What a code of 1 stands for; anchors without area have one too.
  template <class T>
  ODT_HD constexpr T unit(const T& size) const {
    using odt::max;
    return max(size, T(1e-6f)) / T(opts.scale);
  }
};
