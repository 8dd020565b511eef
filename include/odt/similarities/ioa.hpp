// SPDX-License-Identifier: MIT
// Intersection over area: the share of the second box that the first one covers.
#pragma once

#include <odt/similarity.hpp>

namespace odt {

/// In [0, 1], not symmetric; not a number for a second box without area.
struct ioa_similarity {
  static constexpr std::string_view name = "ioa_similarity";

  struct options {
    static constexpr void fields(auto&, auto&&) {}
  };

  options opts{};

  template <class T>
  ODT_HD constexpr T compare(const box<T>& row, const box<T>& column) const {
    return intersection(row, column) / area(column);
  }
};

}  // namespace odt
