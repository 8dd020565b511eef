// SPDX-License-Identifier: MIT
// The negative squared distance of the two boxes' corners, seen as points with four coordinates (MultiBox).
#pragma once

#include <odt/similarity.hpp>

namespace odt {

/// At most 0, symmetric.
struct neg_sq_dist_similarity {
  static constexpr std::string_view name = "neg_sq_dist_similarity";

  struct options {
    static constexpr void fields(auto&, auto&&) {}
  };

  options opts{};

  template <class T>
  ODT_HD constexpr T compare(const box<T>& row, const box<T>& column) const {
    const T y0 = row.ymin - column.ymin, x0 = row.xmin - column.xmin;
    const T y1 = row.ymax - column.ymax, x1 = row.xmax - column.xmax;
    return -(y0 * y0 + x0 * x0 + y1 * y1 + x1 * x1);
  }
};

}  // namespace odt
