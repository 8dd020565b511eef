// SPDX-License-Identifier: MIT
#pragma once

#include <odt/core/random.hpp>
#include <odt/core/target.hpp>
#include <odt/exec/cpu/passes/apply.hpp>
#include <odt/exec/cpu/passes/elements.hpp>

#include <algorithm>

namespace odt::cpu {
inline namespace ODT_ISA {

ODT_INLINE void clear(const tensor& y) {
  for (int n = 0; n < y.batch; ++n) std::fill_n(y.pixel(n, 0, 0), y.image_stride, 0.0f);
}

ODT_INLINE void pad(thread_pool& pool, const const_tensor& x, const tensor& y) {
  clear(y);
  tensor inside = y;
  const_tensor source = x;
  inside.batch = inside.height = source.batch = source.height = 1;
  inside.width = x.width;
  for (int n = 0; n < y.batch; ++n)
    for (int row = 0; row < x.height; ++row) {
      inside.data = y.pixel(n, row, 0);
      source.data = x.pixel(n, row, 0);
      apply(pool, {}, source, inside);
    }
}

ODT_INLINE void dropout(thread_pool& pool, const tensor& x, const tensor& y, bool accumulate,
                        const dropout_choice& choice) {
  const float keep = choice.options.keeps(choice.step), inverse = 1.0f / keep;
  const double threshold = static_cast<double>(keep) * 0x1p32;
  const bool whole = choice.options.whole_images;
  pool.run(y.batch * y.height, [&](int chunk, int) {
    const int n = chunk / y.height, row = chunk % y.height;
    random_stream stream(choice.seed, choice.step * 4096 + choice.layer,
                         0x80000000u + static_cast<std::uint32_t>(whole ? n : chunk));
    const auto kept = [&] { return static_cast<double>(stream.bits()) < threshold; };
    const bool image = whole && kept();
    for (int column = 0; column < y.width; ++column) {
      float* to = y.pixel(n, row, column);
      const float* from = x.pixel(n, row, column);
      for (int c = 0; c < y.channels; ++c) {
        const float value = (whole ? image : kept()) ? from[c] * inverse : 0.0f;
        to[c] = accumulate ? to[c] + value : value;
      }
    }
  });
}

}  // namespace ODT_ISA
}  // namespace odt::cpu
