// SPDX-License-Identifier: MIT
// What the values of a tensor are like.
#pragma once

#include <odt/core/human.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <string>
#include <vector>

namespace odt {

/// Of the finite values; `not_finite` counts the others.
struct tensor_statistics {
  std::size_t finite = 0, not_finite = 0;
  double mean = 0, deviation = 0;
  double low = std::numeric_limits<double>::infinity(), high = -low;

  explicit tensor_statistics(const std::vector<double>& values) {
    double squares = 0;
    for (const double v : values) {
      if (!std::isfinite(v)) {
        ++not_finite;
        continue;
      }
      ++finite;
      mean += v;
      squares += v * v;
      low = std::min(low, v);
      high = std::max(high, v);
    }
    if (finite == 0) return;
    const auto n = static_cast<double>(finite);
    mean /= n;
    deviation = std::sqrt(std::max(0.0, squares / n - mean * mean));
  }

  /// "mean 0.01, deviation 0.2, -0.9 to 0.8"
  std::string text() const {
    std::string text;
    if (finite > 0)
      text = str("mean ", significant(mean, 3), ", deviation ", significant(deviation, 3), ", ", significant(low, 3),
                 " to ", significant(high, 3));
    if (not_finite > 0) text += str(text.empty() ? "" : ", ", not_finite, " NOT FINITE");
    return text;
  }
};

}  // namespace odt
