// SPDX-License-Identifier: MIT
// The corners' distances from the anchor's corners, in standard deviations: t = (corner - anchor corner) / stddev.
// With 0.01 and -squared distance this is MultiBox's coder (Erhan et al., 2014).
#pragma once

#include <odt/box_coder.hpp>

namespace odt {

/// The code is the four corners' offsets, in the order of box.
struct mean_stddev_box_coder {
  static constexpr std::string_view name = "mean_stddev_box_coder";
  static constexpr int code_size = 4;

  struct options {
    float stddev = 0.01f;

    static constexpr void fields(auto& o, auto&& field) { field("stddev", o.stddev); }
  };

  options opts{};

  template <class T>
  ODT_HD constexpr std::array<T, 4> encode(const box<T>& b, const box<T>& anchor) const {
    const T stddev(opts.stddev);
    return {(b.ymin - anchor.ymin) / stddev, (b.xmin - anchor.xmin) / stddev, (b.ymax - anchor.ymax) / stddev,
            (b.xmax - anchor.xmax) / stddev};
  }

  template <class T>
  ODT_HD constexpr box<T> decode(const std::array<T, 4>& code, const box<T>& anchor) const {
    const T stddev(opts.stddev);
    return {code[0] * stddev + anchor.ymin, code[1] * stddev + anchor.xmin, code[2] * stddev + anchor.ymax,
            code[3] * stddev + anchor.xmax};
  }
};

}  // namespace odt
