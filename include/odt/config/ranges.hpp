// SPDX-License-Identifier: MIT
// The values that fields of pipeline.config may have, in one table of the schema's numbers.
#pragma once

#include <odt/core/settings.hpp>

#include <limits>
#include <optional>
#include <string>
#include <string_view>

namespace odt {

/// From `low` to `high`, one of which may be left out of it.
struct value_range {
  double low = -std::numeric_limits<double>::infinity();
  double high = std::numeric_limits<double>::infinity();
  bool above_low = false;  ///< `low` itself does not belong to it

  constexpr bool has(double value) const {
    return (above_low ? value > low : value >= low) && value <= high && value - value == 0;
  }

  /// For people: "at least 1", "more than 0 and at most 1".
  std::string text() const;
};

/// The range of a field of the schema, e.g. of "BatchNorm" and "decay"; nothing when the table lacks it.
std::optional<value_range> range_of(std::string_view message, std::string_view field);

/// Refuses, by place and path, every number that the config sets out of its range, or that is not finite; one line
/// each.
void check_ranges(const settings& root);

}  // namespace odt

#if defined(ODT_HEADER_ONLY)
#include <odt/config/ranges.ipp>
#endif
