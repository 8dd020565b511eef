// SPDX-License-Identifier: MIT
#pragma once

#include <odt/core/target.hpp>
#include <odt/exec/cpu/passes/crop_and_resize.hpp>
#include <odt/exec/cpu/passes/crop_samples.hpp>

namespace odt::cpu {
inline namespace ODT_ISA {

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
  constexpr int width = 32;  // crops overlap: a thread owns channels of an image, two cache lines of each pixel
  const int groups = static_cast<int>(ceil_div(dx.channels, width)), crops = dy.batch / dx.batch;
  pool.run(dx.batch * groups, [&](int job, int) {
    const int n = job / groups, c = job % groups * width, count = std::min(width, dx.channels - c);
    if (!accumulate) clear_channels(dx, n, c, count);
    for (int k = n * crops; k < (n + 1) * crops; ++k) {
      const crop_axis rows = crop_rows(boxes, k, dx.height, dy.height);
      const crop_axis columns = crop_columns(boxes, k, dx.width, dy.width);
      for (int r = 0; r < dy.height; ++r)
        for (int q = 0; q < dy.width; ++q)
          crop_point{rows.tap(r), columns.tap(q)}.spread(dy.pixel(k, r, q) + c, 1, dx, n, c, count);
    }
  });
}

}  // namespace ODT_ISA
}  // namespace odt::cpu
