// SPDX-License-Identifier: MIT
#pragma once

#include <odt/core/target.hpp>
#include <odt/exec/cpu/pool.hpp>
#include <odt/exec/cpu/vector_tools.hpp>

namespace odt::cpu {
inline namespace ODT_ISA {

namespace detail::pool {

/// The input positions [begin, end) that output position `out` looks at.
struct window_range {
  int begin, end;

  window_range(int out, int stride, int pad, int kernel, int size)
      : begin(std::max(0, out * stride - pad)), end(std::min(size, out * stride - pad + kernel)) {}
  int size() const { return std::max(0, end - begin); }
};

ODT_INLINE window_range rows_of(const convolution& w, int y, int height) {
  return {y, w.stride_height, w.pad_top, w.kernel_height, height};
}
ODT_INLINE window_range columns_of(const convolution& w, int x, int width) {
  return {x, w.stride_width, w.pad_left, w.kernel_width, width};
}

/// body(image, y, x, rows, columns) for every output pixel; lines of the output are shared among the threads.
template <class Body>
void each_output(thread_pool& pool, const convolution& w, const shape& in, const shape& out, const Body& body) {
  pool.run(out.batch * out.height, [&](int line, int) {
    const int n = line / out.height, y = line % out.height;
    for (int x = 0; x < out.width; ++x) body(n, y, x, rows_of(w, y, in.height), columns_of(w, x, in.width));
  });
}

/// body(image, y, x, rows, columns, first channel, channels) for every output pixel; windows overlap, so that the
/// threads share images and blocks of channels. dx is cleared first unless it accumulates.
template <class Body>
void each_scatter(thread_pool& pool, const convolution& w, const shape& out, const tensor& dx, bool accumulate,
                  const Body& body) {
  constexpr int width = 64;
  const int blocks = static_cast<int>(ceil_div(dx.channels, width));
  pool.run(dx.batch * blocks, [&](int job, int) {
    const int n = job / blocks, channel = job % blocks * width, count = std::min(width, dx.channels - channel);
    if (!accumulate)
      for (int p = 0; p < dx.height * dx.width; ++p)
        std::fill_n(dx.pixel(n, 0, 0) + p * dx.pixel_stride + channel, count, 0.0f);
    for (int y = 0; y < out.height; ++y)
      for (int x = 0; x < out.width; ++x)
        body(n, y, x, rows_of(w, y, dx.height), columns_of(w, x, dx.width), channel, count);
  });
}

}  // namespace detail::pool

ODT_INLINE void max_pool_forward(thread_pool& pool, const convolution& window, const const_tensor& x, const tensor& y) {
  using detail::pool::window_range;
  detail::pool::each_output(pool, window, x.extents(), y.extents(),
                            [&](int n, int oy, int ox, window_range rows, window_range columns) {
                              float* to = y.pixel(n, oy, ox);
                              for (int c = 0; c < y.channels; c += lanes) {
                                const int rest = y.channels - c;
                                const vector_transform transform(x.transform, c, rest);
                                vec best(-std::numeric_limits<float>::infinity());
                                for (int iy = rows.begin; iy < rows.end; ++iy)
                                  for (int ix = columns.begin; ix < columns.end; ++ix)
                                    best = xsimd::max(best, transform(load_first(x.pixel(n, iy, ix) + c, rest)));
                                store_first(to + c, best, rest);
                              }
                            });
}

ODT_INLINE void max_pool_backward(thread_pool& pool, const convolution& window, const const_tensor& x,
                                  const const_tensor& dy, const tensor& dx, bool accumulate) {
  using detail::pool::window_range;
  detail::pool::each_scatter(
      pool, window, dy.extents(), dx, accumulate,
      [&](int n, int oy, int ox, window_range rows, window_range columns, int channel, int count) {
        for (int c = channel; c < channel + count; c += lanes) {
          const int rest = channel + count - c;
          const vector_transform transform(x.transform, c, rest);
          vec best(-std::numeric_limits<float>::infinity()), chosen(0.0f);
          for (int iy = rows.begin, tap = 0; iy < rows.end; ++iy)
            for (int ix = columns.begin; ix < columns.end; ++ix, ++tap) {
              const vec value = transform(load_first(x.pixel(n, iy, ix) + c, rest));
              const auto better = value > best;
              best = xsimd::select(better, value, best);
              chosen = xsimd::select(better, vec(static_cast<float>(tap)), chosen);
            }
          const vec gradient = load_first(dy.pixel(n, oy, ox) + c, rest);
          for (int iy = rows.begin, tap = 0; iy < rows.end; ++iy)
            for (int ix = columns.begin; ix < columns.end; ++ix, ++tap) {
              float* to = dx.pixel(n, iy, ix) + c;
              const vec share = xsimd::select(chosen == vec(static_cast<float>(tap)), gradient, vec(0.0f));
              store_first(to, load_first(to, rest) + share, rest);
            }
        }
      });
}

ODT_INLINE void avg_pool_forward(thread_pool& pool, const convolution& window, const const_tensor& x, const tensor& y) {
  using detail::pool::window_range;
  detail::pool::each_output(pool, window, x.extents(), y.extents(),
                            [&](int n, int oy, int ox, window_range rows, window_range columns) {
                              float* to = y.pixel(n, oy, ox);
                              const vec count(static_cast<float>(std::max(1, rows.size() * columns.size())));
                              for (int c = 0; c < y.channels; c += lanes) {
                                const int rest = y.channels - c;
                                const vector_transform transform(x.transform, c, rest);
                                vec sum(0.0f);
                                for (int iy = rows.begin; iy < rows.end; ++iy)
                                  for (int ix = columns.begin; ix < columns.end; ++ix)
                                    sum += transform(load_first(x.pixel(n, iy, ix) + c, rest));
                                store_first(to + c, sum / count, rest);
                              }
                            });
}

ODT_INLINE void avg_pool_backward(thread_pool& pool, const convolution& window, const const_tensor& dy,
                                  const tensor& dx, bool accumulate) {
  using detail::pool::window_range;
  detail::pool::each_scatter(
      pool, window, dy.extents(), dx, accumulate,
      [&](int n, int oy, int ox, window_range rows, window_range columns, int channel, int count) {
        const vec share(1.0f / static_cast<float>(std::max(1, rows.size() * columns.size())));
        for (int c = channel; c < channel + count; c += lanes) {
          const int rest = channel + count - c;
          const vec gradient = load_first(dy.pixel(n, oy, ox) + c, rest) * share;
          for (int iy = rows.begin; iy < rows.end; ++iy)
            for (int ix = columns.begin; ix < columns.end; ++ix) {
              float* to = dx.pixel(n, iy, ix) + c;
              store_first(to, load_first(to, rest) + gradient, rest);
            }
        }
      });
}

}  // namespace ODT_ISA
}  // namespace odt::cpu
