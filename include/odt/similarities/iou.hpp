// SPDX-License-Identifier: MIT
// Intersection over union: the shared area by the area that either covers.
#pragma once

#include <odt/similarity.hpp>

namespace odt {

/// In [0, 1], symmetric; 0 for boxes that share nothing, also for boxes without area.
struct iou_similarity {
  static constexpr std::string_view name = "iou_similarity";

  struct options {
    static constexpr void fields(auto&, auto&&) {}
  };

  options opts{};

  template <class T>
  ODT_HD constexpr T compare(const box<T>& row, const box<T>& column) const {
    return iou(row, column);
  }
};

}  // namespace odt
