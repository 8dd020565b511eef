// SPDX-License-Identifier: MIT
// The row's score where the intersection over union exceeds a threshold, else 0. Ground truth has score 1.
#pragma once

#include <odt/similarity.hpp>

namespace odt {

/// The score or 0.
struct thresholded_iou_similarity {
  static constexpr std::string_view name = "thresholded_iou_similarity";

  struct options {
    float iou_threshold = 0.5f;

    static constexpr void fields(auto& o, auto&& field) { field("iou_threshold", o.iou_threshold); }
  };

  options opts{};

  template <class T>
  ODT_HD constexpr T compare(const box<T>& row, const box<T>& column) const {
    return compare(row, column, T(1));
  }

  /// The same for a row that carries a score.
  template <class T>
  ODT_HD constexpr T compare(const box<T>& row, const box<T>& column, const T& score) const {
    return select(iou(row, column) > T(opts.iou_threshold), score, T(0));
  }
};

}  // namespace odt
