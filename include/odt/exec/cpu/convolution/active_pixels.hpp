// SPDX-License-Identifier: MIT
// Where a gradient is not zero. After hard mining most pixels of the predictors' gradients are: products leave them
// out.
#pragma once

#include <odt/exec/cpu/convolution/gather.hpp>

#include <cstdint>

namespace odt::cpu {
inline namespace ODT_ISA {

/// Sets marks[pixel] to 1 where any channel of the pixel differs from zero, as a NaN does, to 0 elsewhere.
inline void mark_active(thread_pool& pool, const const_tensor& dy, std::int32_t* marks) {
  constexpr std::uint32_t all = (1u << lanes) - 1u;  // == is false for a NaN; and so is xsimd's !=
  const int pixels = dy.height * dy.width;
  pool.run(dy.batch * dy.height, [&](int line, int) {
    const int n = line / dy.height, y = line % dy.height;
    for (int x = 0; x < dy.width; ++x) {
      const float* from = dy.pixel(n, y, x);
      bool active = false;
      for (int c = 0; c < dy.channels && !active; c += lanes)
        active = bits(load_first(from + c, dy.channels - c) == vec(0.0f)) != all;
      marks[std::ptrdiff_t{n} * pixels + std::ptrdiff_t{y} * dy.width + x] = active ? 1 : 0;
    }
  });
}

/// The marked pixels, in order; returns how many.
inline std::ptrdiff_t list_active(const std::int32_t* marks, std::ptrdiff_t pixels, std::int32_t* list) {
  std::ptrdiff_t count = 0;
  for (std::ptrdiff_t i = 0; i < pixels; ++i)
    if (marks[i]) list[count++] = static_cast<std::int32_t>(i);
  return count;
}

/// The grid positions of a gather (of step 1) that read an active pixel of its source, in order; returns how many.
/// `marks` are the source's, `list` and `reached` hold a number a grid position.
inline std::ptrdiff_t list_reached(const gather& g, const std::int32_t* marks, std::int32_t* reached,
                                   std::int32_t* list) {
  const int width = g.x.size, height = g.y.size;
  const std::ptrdiff_t pixels = std::ptrdiff_t{1} * g.source.batch * height * width;
  std::fill_n(reached, pixels, 0);
  for (int n = 0; n < g.source.batch; ++n)
    for (int sy = 0; sy < g.y.source; ++sy)
      for (int sx = 0; sx < g.x.source; ++sx) {
        if (!marks[(std::ptrdiff_t{n} * g.y.source + sy) * g.x.source + sx]) continue;
        for (int ty = 0; ty < g.y.taps; ++ty)
          for (int tx = 0; tx < g.x.taps; ++tx) {
            const int y = sy - g.y.offset - ty * g.y.delta, x = sx - g.x.offset - tx * g.x.delta;
            if (y >= 0 && y < height && x >= 0 && x < width) reached[(std::ptrdiff_t{n} * height + y) * width + x] = 1;
          }
      }
  return list_active(reached, pixels, list);
}

}  // namespace ODT_ISA
}  // namespace odt::cpu
