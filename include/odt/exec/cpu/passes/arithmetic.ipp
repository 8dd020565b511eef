// SPDX-License-Identifier: MIT
#pragma once

#include <odt/core/target.hpp>
#include <odt/exec/cpu/passes/arithmetic.hpp>
#include <odt/exec/cpu/passes/walks.hpp>

namespace odt::cpu {
inline namespace ODT_ISA {

ODT_INLINE void add(thread_pool& pool, const const_tensor& a, const const_tensor& b, const tensor& y) {
  each_vector(pool, y.extents(), [&](int n, int p, int c, int rest) {
    vector_place(y, n, p, c, rest).put(values_at(a, n, p, c, rest) + values_at(b, n, p, c, rest), false);
  });
}

ODT_INLINE void multiply(thread_pool& pool, const const_tensor& a, const const_tensor& b, const tensor& y,
                         bool accumulate) {
  const int step = b.height * b.width == 1 ? 0 : 1;
  each_vector(pool, y.extents(), [&](int n, int p, int c, int rest) {
    const vec product = values_at(a, n, p, c, rest) * values_at(b, n, step * p, c, rest);
    vector_place(y, n, p, c, rest).put(product, accumulate);
  });
}

ODT_INLINE void multiply_and_sum(thread_pool& pool, const const_tensor& a, const const_tensor& dy, const tensor& db,
                                 bool accumulate) {
  sum_images(
      pool, a.extents(),
      [&](int n, int p, int c, int rest) {
        return values_at(a, n, p, c, rest) * load_first(dy.pixel(n, 0, p) + c, rest);
      },
      [&](int n, int c, double sum) {
        float& to = db.pixel(n, 0, 0)[c];
        to = static_cast<float>(accumulate ? to + sum : sum);
      });
}

}  // namespace ODT_ISA
}  // namespace odt::cpu
