// SPDX-License-Identifier: MIT
// Greedy one-to-one matching: the most alike pair of a row and a column that are both free is matched, again and
// again, until the rows or the columns are used up. Other columns are unmatched; nothing is ignored.
#pragma once

#include <odt/matcher.hpp>

namespace odt {

/// Rows that are not valid take part in nothing. As in the API, the answer counts among the valid rows: 1 is the second
/// valid row.
struct bipartite_matcher {
  static constexpr std::string_view name = "bipartite_matcher";

  struct options {
    bool use_matmul_gather = false;  ///< how the API gathers on TPUs; without effect

    static constexpr void fields(auto& o, auto&& field) { field("use_matmul_gather", o.use_matmul_gather); }
  };

  options opts{};

  /// The best free column of each row.
  static constexpr std::size_t scratch(int rows) { return static_cast<std::size_t>(rows); }

  constexpr void match(similarity_matrix s, std::span<const std::uint8_t> valid, std::span<int> matches,
                       std::span<int> best) const {
    std::ranges::fill(matches, unmatched);
    for (int row = 0; row < s.rows; ++row) best[at(row)] = valid[at(row)] ? best_free_column(s, row, matches) : done;
    for (;;) {
      int chosen = -1;
      for (int row = 0; row < s.rows; ++row)
        if (best[at(row)] != done && (chosen < 0 || s(row, best[at(row)]) > s(chosen, best[at(chosen)]))) chosen = row;
      if (chosen < 0) return;
      const int column = best[at(chosen)];
      matches[at(column)] =
          static_cast<int>(std::count_if(valid.begin(), valid.begin() + chosen, [](auto v) { return v != 0; }));
      best[at(chosen)] = done;
      for (int row = 0; row < s.rows; ++row)
        if (best[at(row)] == column) best[at(row)] = best_free_column(s, row, matches);
    }
  }

 private:
  static constexpr int done = -1;

  static constexpr std::size_t at(int i) { return static_cast<std::size_t>(i); }

  static constexpr int best_free_column(similarity_matrix s, int row, std::span<const int> matches) {
    int best = done;
    for (int column = 0; column < s.columns; ++column)
      if (matches[at(column)] == unmatched && (best == done || s(row, column) > s(row, best))) best = column;
    return best;
  }
};

}  // namespace odt
