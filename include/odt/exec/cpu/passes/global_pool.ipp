// SPDX-License-Identifier: MIT
#pragma once

#include <odt/core/target.hpp>
#include <odt/exec/cpu/passes/global_pool.hpp>
#include <odt/exec/cpu/passes/walks.hpp>

namespace odt::cpu {
inline namespace ODT_ISA {

ODT_INLINE void global_pool(thread_pool& pool, const const_tensor& x, const tensor& y) {
  const double pixels = x.height * x.width;
  sum_images(
      pool, x.extents(), [&](int n, int p, int c, int rest) { return values_at(x, n, p, c, rest); },
      [&](int n, int c, double sum) { y.pixel(n, 0, 0)[c] = static_cast<float>(sum / pixels); });
}

ODT_INLINE void global_pool_backward(thread_pool& pool, const const_tensor& dy, const tensor& dx, bool accumulate) {
  const vec share(1.0f / static_cast<float>(dx.height * dx.width));
  each_vector(pool, dx.extents(), [&](int n, int p, int c, int rest) {
    vector_place(dx, n, p, c, rest).put(load_first(dy.pixel(n, 0, 0) + c, rest) * share, accumulate);
  });
}

}  // namespace ODT_ISA
}  // namespace odt::cpu
