// SPDX-License-Identifier: MIT
#pragma once

#include <odt/core/target.hpp>
#include <odt/exec/cpu/passes/crop_and_resize.hpp>
#include <odt/exec/cpu/passes/crop_samples.hpp>

namespace odt::cpu {
inline namespace ODT_ISA {

namespace detail::crop_and_resize {

/// Adds share times the gradients of row r of a crop to row y of image n.
inline void spread_row(const crop_axis& columns, float share, const const_tensor& dy, int crop, int r, const tensor& dx,
                       int n, int y) {
  for (int q = 0; q < columns.out; ++q) {
    const crop_tap column = columns.tap(q);
    if (!column.inside) continue;
    for (int x = column.low; x <= column.high; ++x)
      add_share(dx.pixel(n, y, x), share * column.of(x), dy.pixel(crop, r, q), dx.channels);
  }
}

}  // namespace detail::crop_and_resize

ODT_INLINE void crop_and_resize(thread_pool& pool, const const_tensor& map, const boxf* boxes, const tensor& y) {
  pool.run(y.batch * y.height, [&](int line, int) {
    const int k = line / y.height, r = line % y.height, n = image_of_crop(k, y.batch, map.batch);
    const crop_tap row = crop_rows(boxes, k, map.height, y.height).tap(r);
    const crop_axis columns = crop_columns(boxes, k, map.width, y.width);
    for (int q = 0; q < y.width; ++q) {
      float* const to = y.pixel(k, r, q);
      const crop_point point{row, columns.tap(q)};
      if (!point.inside())
        std::fill_n(to, y.channels, 0.0f);
      else
        for (int c = 0; c < y.channels; c += lanes)
          store_first(to + c, point.read(map, n, c, y.channels - c), y.channels - c);
    }
  });
}

ODT_INLINE void crop_and_resize_backward(thread_pool& pool, const boxf* boxes, const const_tensor& dy, const tensor& dx,
                                         bool accumulate) {
  const int crops = dy.batch / dx.batch;
  pool.run(dx.batch * dx.height, [&](int line, int) {  // crops overlap: a thread owns a row of the map
    const int n = line / dx.height, y = line % dx.height;
    if (!accumulate) clear_channels(dx, n, y, 0, dx.channels);
    for (int k = n * crops; k < (n + 1) * crops; ++k) {
      const crop_axis rows = crop_rows(boxes, k, dx.height, dy.height);
      const crop_axis columns = crop_columns(boxes, k, dx.width, dy.width);
      const crop_range near = rows.near(y);
      for (int r = near.begin; r < near.end; ++r)
        if (const float share = rows.tap(r).of(y); share > 0)
          detail::crop_and_resize::spread_row(columns, share, dy, k, r, dx, n, y);
    }
  });
}

}  // namespace ODT_ISA
}  // namespace odt::cpu
