// SPDX-License-Identifier: MIT
#pragma once

#include <odt/core/target.hpp>
#include <odt/exec/cpu/passes/apply.hpp>
#include <odt/exec/cpu/passes/walks.hpp>

namespace odt::cpu {
inline namespace ODT_ISA {

ODT_INLINE void apply(thread_pool& pool, const elementwise& f, const const_tensor& x, const tensor& y) {
  const auto pass = [&](const auto& function) {
    each_vector(pool, x.extents(), [&](int n, int p, int c, int rest) {
      vector_place(y, n, p, c, rest).put(function(values_at(x, n, p, c, rest)), false);
    });
  };
  if (f.identity()) return pass([](const vec& value) { return value; });
  pass([&](const vec& value) { return f.value(value); });
}

ODT_INLINE void apply_backward(thread_pool& pool, const elementwise& f, const const_tensor& x, const const_tensor& dy,
                               const tensor& dx, bool accumulate) {
  const auto pass = [&](const auto& derivative) {
    each_vector(pool, dx.extents(), [&](int n, int p, int c, int rest) {
      const vec gradient = load_first(dy.pixel(n, 0, p) + c, rest);
      vector_place(dx, n, p, c, rest).put(derivative(gradient, n, p, c, rest), accumulate);
    });
  };
  if (f.identity()) return pass([](const vec& gradient, int, int, int, int) { return gradient; });
  pass([&](const vec& gradient, int n, int p, int c, int rest) {
    return f.derivative(values_at(x, n, p, c, rest)) * gradient;
  });
}

}  // namespace ODT_ISA
}  // namespace odt::cpu
