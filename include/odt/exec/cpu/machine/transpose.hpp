// SPDX-License-Identifier: MIT
// A square of vectors turned over in registers, and rows of memory turned into columns of vectors with it.
#pragma once

#include <odt/exec/cpu/machine/vector_tools.hpp>

#include <utility>

namespace odt::cpu {
inline namespace ODT_ISA {

namespace detail {

using vector_register = vec::register_type;

/// Step `Step` of a transposition by halves: of rows i and i + Step, exchanges the elements whose column has that bit
/// in the first with those whose column lacks it in the second.
template <int Step>
[[gnu::always_inline]] inline void exchange(vector_register (&rows)[lanes]) {
  const auto mix = [&rows]<int... J>(std::integer_sequence<int, J...>) __attribute__((always_inline)) {
    unroll<lanes>([&rows](auto i) __attribute__((always_inline)) {
      if constexpr ((i & Step) == 0) {
        const vector_register a = rows[i], b = rows[i + Step];
        rows[i] = __builtin_shufflevector(a, b, (J & Step ? lanes + J - Step : J)...);
        rows[i + Step] = __builtin_shufflevector(a, b, (J & Step ? lanes + J : J + Step)...);
      }
    });
  };
  mix(std::make_integer_sequence<int, lanes>{});
}

template <int Step = lanes / 2>
[[gnu::always_inline]] inline void transpose(vector_register (&rows)[lanes]) {
  if constexpr (Step > 0) {
    exchange<Step>(rows);
    transpose<Step / 2>(rows);
  }
}

}  // namespace detail

/// to[column * lanes + i] = row(i)[column] for `columns` columns; row(i) is where the i-th of `lanes` rows lies. Writes
/// whole squares: up to lanes - 1 further columns.
template <class Row>
void rows_to_columns(const Row& row, int columns, float* to) {
  detail::vector_register square[lanes];
  for (int first = 0; first < columns; first += lanes) {
    unroll<lanes>([&](auto i) {
      const float* at = row(i) + first;
      __builtin_prefetch(at + lanes * columns);
      square[i] = load_first(at, columns - first);
    });
    detail::transpose(square);
    unroll<lanes>([&](auto i) { store(to + (first + i) * lanes, vec(square[i])); });
  }
}

/// The other way round, for the first `rows` rows. Reads whole squares.
template <class Row>
void columns_to_rows(const float* from, int columns, int rows, const Row& row) {
  detail::vector_register square[lanes];
  for (int first = 0; first < columns; first += lanes) {
    unroll<lanes>([&](auto i) { square[i] = load(from + (first + i) * lanes); });
    detail::transpose(square);
    unroll<lanes>([&](auto i) {
      if (i >= rows) return;
      float* at = row(i) + first;
      __builtin_prefetch(at + lanes * columns, 1);
      store_first(at, vec(square[i]), columns - first);
    });
  }
}

}  // namespace ODT_ISA
}  // namespace odt::cpu
