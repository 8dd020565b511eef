// SPDX-License-Identifier: MIT
// Each column takes the row that it resembles most, if it does so enough. With s its largest similarity:
//   matched where s >= matched_threshold; below that, either side of unmatched_threshold is unmatched and ignored:
//   s < unmatched_threshold is unmatched and the rest ignored, or the other way round
//   (negatives_lower_than_unmatched = false).
#pragma once

#include <odt/core/error.hpp>
#include <odt/core/scalar.hpp>
#include <odt/matcher.hpp>

namespace odt {

/// Argmax with thresholds; optionally every row with weight gets at least one column.
struct argmax_matcher {
  static constexpr std::string_view name = "argmax_matcher";

  struct options {
    float matched_threshold = 0.5f;
    float unmatched_threshold = 0.5f;
    bool ignore_thresholds = false;  ///< every column matches
    bool negatives_lower_than_unmatched = true;
    bool force_match_for_each_row = false;
    bool use_matmul_gather = false;  ///< how the API gathers on TPUs; without effect

    static constexpr void fields(auto& o, auto&& field) {
      field("matched_threshold", o.matched_threshold);
      field("unmatched_threshold", o.unmatched_threshold);
      field("ignore_thresholds", o.ignore_thresholds);
      field("negatives_lower_than_unmatched", o.negatives_lower_than_unmatched);
      field("force_match_for_each_row", o.force_match_for_each_row);
      field("use_matmul_gather", o.use_matmul_gather);
    }
  };

  options opts{};

  /// Refuses thresholds in the wrong order.
  static constexpr void check(const options& o) {
    if (o.ignore_thresholds) return;
    if (o.unmatched_threshold > o.matched_threshold)
      fail("unmatched_threshold ", o.unmatched_threshold, " is above matched_threshold ", o.matched_threshold,
           "; it has to be equal or smaller");
    if (!o.negatives_lower_than_unmatched && o.unmatched_threshold == o.matched_threshold)
      fail("with negatives_lower_than_unmatched: false, unmatched_threshold ", o.unmatched_threshold,
           " has to be smaller than matched_threshold, else nothing is background");
  }

  template <class T>
  ODT_HD constexpr T decide(const T& largest, const T& row) const {
    if (opts.ignore_thresholds) return row;
    const T below(static_cast<float>(opts.negatives_lower_than_unmatched ? unmatched : ignored));
    const T between(static_cast<float>(opts.negatives_lower_than_unmatched ? ignored : unmatched));
    const T short_of = select(T(opts.unmatched_threshold) > largest, below, between);
    return select(T(opts.matched_threshold) > largest, short_of, row);
  }

  ODT_HD constexpr bool forces_rows() const { return opts.force_match_for_each_row; }
};

}  // namespace odt
