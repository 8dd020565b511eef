// SPDX-License-Identifier: MIT
// The mean colour of a picture, the same bits wherever it is summed: a row from left to right in float, then the rows
// from top to bottom in double.
#pragma once

#include <odt/core/color.hpp>
#include <odt/core/image.hpp>
#include <odt/core/target.hpp>

namespace odt {

/// The sum of pixel(x) for the pixels of a row.
template <class Pixel>
ODT_HD constexpr rgb sum_of_row(int width, const Pixel& pixel) {
  rgb sum{0, 0, 0};
  for (int x = 0; x < width; ++x) {
    const rgb p = pixel(x);
    sum.r += p.r, sum.g += p.g, sum.b += p.b;
  }
  return sum;
}

/// Takes the sums of a picture's rows, in order.
struct mean_color {
  double r = 0, g = 0, b = 0;

  ODT_HD constexpr void add(const rgb& row) {
    r += static_cast<double>(row.r), g += static_cast<double>(row.g), b += static_cast<double>(row.b);
  }
  ODT_HD constexpr rgb of(size2 size) const {
    const double n = static_cast<double>(size.height) * size.width;
    return {static_cast<float>(r / n), static_cast<float>(g / n), static_cast<float>(b / n)};
  }
};

}  // namespace odt
