// SPDX-License-Identifier: MIT
#pragma once

#include <odt/core/target.hpp>
#include <odt/io/histogram.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>

namespace odt {

namespace detail::histograms {

ODT_INLINE std::vector<double> make_limits() {
  std::vector<double> above;
  for (double limit = 1e-12; limit < 1e20; limit *= 1.1) above.push_back(limit);
  above.push_back(std::numeric_limits<double>::max());
  std::vector<double> limits;
  for (std::size_t i = above.size(); i-- > 0;) limits.push_back(-above[i]);
  limits.push_back(0);
  limits.insert(limits.end(), above.begin(), above.end());
  return limits;
}

}  // namespace detail::histograms

ODT_INLINE histogram::histogram(std::span<const float> values) {
  static const std::vector<double> limits = detail::histograms::make_limits();
  std::vector<double> counts(limits.size());
  for (const float each : values) {
    const double value = each;
    if (!std::isfinite(value)) continue;
    min = num == 0 ? value : std::min(min, value);
    max = num == 0 ? value : std::max(max, value);
    ++num;
    sum += value;
    sum_squares += value * value;
    ++counts[static_cast<std::size_t>(std::ranges::upper_bound(limits, value) - limits.begin())];
  }
  for (std::size_t i = 0; i < counts.size(); ++i)
    if (counts[i] > 0 || i + 1 == counts.size() || counts[i + 1] > 0) buckets.push_back({limits[i], counts[i]});
}

}  // namespace odt
