// SPDX-License-Identifier: MIT
#pragma once

#include <odt/core/target.hpp>
#include <odt/exec/cpu/passes/resample.hpp>
#include <odt/exec/cpu/passes/walks.hpp>

namespace odt::cpu {
inline namespace ODT_ISA {

namespace detail::resample {

/// The pixels of the larger tensor that belong to one of the smaller.
struct block {
  int top, bottom, left, right;

  block(int factor, const shape& large, int row, int column)
      : top(row * factor),
        bottom(std::min(large.height, top + factor)),
        left(column * factor),
        right(std::min(large.width, left + factor)) {}

  template <class Body>
  void each(const Body& body) const {
    for (int y = top; y < bottom; ++y)
      for (int x = left; x < right; ++x) body(y, x);
  }
};

/// body(image, row, column, block) for every pixel of the smaller tensor; its lines are shared among the threads.
template <class Body>
void each_block(thread_pool& pool, int factor, const shape& small, const shape& large, const Body& body) {
  pool.run(small.batch * small.height, [&](int line, int) {
    const int n = line / small.height, row = line % small.height;
    for (int column = 0; column < small.width; ++column) body(n, row, column, block(factor, large, row, column));
  });
}

}  // namespace detail::resample

ODT_INLINE void upsample(thread_pool& pool, int factor, const const_tensor& x, const tensor& y) {
  using detail::resample::block;
  detail::resample::each_block(pool, factor, x.extents(), y.extents(),
                               [&](int n, int row, int column, const block& to) {
                                 const float* from = x.pixel(n, row, column);
                                 for (int c = 0; c < x.channels; c += lanes) {
                                   const int rest = x.channels - c;
                                   const vec value = vector_transform(x.transform, c, rest)(load_first(from + c, rest));
                                   to.each([&](int r, int q) { store_first(y.pixel(n, r, q) + c, value, rest); });
                                 }
                               });
}

ODT_INLINE void upsample_backward(thread_pool& pool, int factor, const const_tensor& dy, const tensor& dx,
                                  bool accumulate) {
  using detail::resample::block;
  detail::resample::each_block(pool, factor, dx.extents(), dy.extents(),
                               [&](int n, int row, int column, const block& from) {
                                 float* to = dx.pixel(n, row, column);
                                 for (int c = 0; c < dx.channels; c += lanes) {
                                   const int rest = dx.channels - c;
                                   vec sum = accumulate ? load_first(to + c, rest) : vec(0.0f);
                                   from.each([&](int r, int q) { sum += load_first(dy.pixel(n, r, q) + c, rest); });
                                   store_first(to + c, sum, rest);
                                 }
                               });
}

}  // namespace ODT_ISA
}  // namespace odt::cpu
