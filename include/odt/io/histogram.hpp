// SPDX-License-Identifier: MIT
// How many values lie where, in the buckets of TensorFlow's histogram summaries: their limits are 1e-12 times powers of
// 1.1 up to 1e20, the same below 0, 0 itself, and the largest double at either end.
#pragma once

#include <span>
#include <vector>

namespace odt {

struct histogram {
  /// Of values below `limit`, and not below the limit before it.
  struct bucket {
    double limit, count;
  };

  double min = 0, max = 0, num = 0, sum = 0, sum_squares = 0;
  /// Of several empty ones in a row, only the last.
  std::vector<bucket> buckets{};

  /// Values that are not finite are left out.
  explicit histogram(std::span<const float> values);
};

}  // namespace odt

#if defined(ODT_HEADER_ONLY)
#include <odt/io/histogram.ipp>
#endif
