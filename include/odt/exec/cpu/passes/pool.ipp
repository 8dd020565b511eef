// SPDX-License-Identifier: MIT
#pragma once

#include <odt/core/target.hpp>
#include <odt/exec/cpu/machine/vector_tools.hpp>
#include <odt/exec/cpu/passes/pool.hpp>

#include <array>

namespace odt::cpu {
inline namespace ODT_ISA {

namespace detail::pool {

/// The input positions [begin, end) that output position `out` looks at.
struct window_range {
  int begin, end;

  window_range(int out, int stride, int pad, int kernel, int size)
      : begin(std::max(0, out * stride - pad)), end(std::min(size, out * stride - pad + kernel)) {}
  int size() const { return std::max(0, end - begin); }
  window_range within(int first, int last) const {
    window_range part = *this;
    part.begin = std::max(begin, first), part.end = std::min(end, last);
    return part;
  }
};

ODT_INLINE window_range rows_of(const window& w, int y, int height) {
  return {y, w.stride_height, w.pad_top, w.kernel_height, height};
}
ODT_INLINE window_range columns_of(const window& w, int x, int width) {
  return {x, w.stride_width, w.pad_left, w.kernel_width, width};
}

/// body(image, y, x, rows, columns) for every output pixel; lines of the output are shared among the threads.
template <class Body>
void each_output(thread_pool& pool, const window& w, const shape& in, const shape& out, const Body& body) {
  pool.run(out.batch * out.height, [&](int line, int) {
    const int n = line / out.height, y = line % out.height;
    for (int x = 0; x < out.width; ++x) body(n, y, x, rows_of(w, y, in.height), columns_of(w, x, in.width));
  });
}

/// body(image, y, x, rows, columns, own) for every output pixel whose window has rows of a band of dx, `own`: windows
/// overlap, so that the threads share such bands. They are cleared first unless they accumulate, and stay in a cache.
template <class Body>
void each_scatter(thread_pool& pool, const window& w, const shape& out, const tensor& dx, bool accumulate,
                  const Body& body) {
  constexpr int most_rows = 16;
  const int bands = static_cast<int>(ceil_div(dx.height, most_rows));
  pool.run(dx.batch * bands, [&](int job, int) {
    const int n = job / bands, top = job % bands * most_rows, bottom = std::min(dx.height, top + most_rows);
    if (!accumulate)
      for (int y = top; y < bottom; ++y)
        for (int x = 0; x < dx.width; ++x) std::fill_n(dx.pixel(n, y, x), dx.channels, 0.0f);
    for (int y = 0; y < out.height; ++y) {
      const window_range rows = rows_of(w, y, dx.height), own = rows.within(top, bottom);
      if (own.size() == 0) continue;
      for (int x = 0; x < out.width; ++x) body(n, y, x, rows, columns_of(w, x, dx.width), own);
    }
  });
}

inline constexpr int full_taps = 9;

/// Whether a window is 3x3 and inside the image: its taps are unrolled.
ODT_INLINE bool full(const window_range& rows, const window_range& columns) {
  return rows.size() == 3 && columns.size() == 3;
}

/// Where the pixels of a full window lie, line by line.
template <class T>
std::array<T*, full_taps> pixels_of(const basic_tensor<T>& t, int n, const window_range& rows,
                                    const window_range& columns) {
  std::array<T*, full_taps> pixels;
  for (int i = 0; i < full_taps; ++i)
    pixels[static_cast<std::size_t>(i)] = t.pixel(n, rows.begin + i / 3, columns.begin + i % 3);
  return pixels;
}

/// fold(transformed value, tap) for the taps of a full window in their order.
template <class Fold>
[[gnu::always_inline]] inline void fold_full(const std::array<const float*, full_taps>& pixels,
                                             const vector_transform& transform, int channel, int rest,
                                             const Fold& fold) {
  unroll<full_taps>(
      [&](auto tap) { fold(transform(load_first(pixels[static_cast<std::size_t>(tap)] + channel, rest)), tap); });
}

ODT_INLINE void max_full(const std::array<const float*, full_taps>& pixels, const pending& p, int channels, float* to) {
  for (int c = 0; c < channels; c += lanes) {
    vec best(-std::numeric_limits<float>::infinity());
    fold_full(pixels, vector_transform(p, c, channels - c), c, channels - c,
              [&](const vec& value, auto) { best = larger(best, value); });
    store_first(to + c, best, channels - c);
  }
}

ODT_INLINE void mean_full(const std::array<const float*, full_taps>& pixels, const pending& p, int channels,
                          float* to) {
  for (int c = 0; c < channels; c += lanes) {
    vec sum(0.0f);
    fold_full(pixels, vector_transform(p, c, channels - c), c, channels - c,
              [&](const vec& value, auto) { sum += value; });
    store_first(to + c, sum / vec(static_cast<float>(full_taps)), channels - c);
  }
}

/// Adds the gradients of a full window's maximum to the pixel that has it, the first one.
ODT_INLINE void route_full(const std::array<const float*, full_taps>& pixels, const pending& p, const float* gradients,
                           const std::array<float*, full_taps>& to, int channels) {
  for (int c = 0; c < channels; c += lanes) {
    const int rest = channels - c;
    vec best(-std::numeric_limits<float>::infinity()), chosen(0.0f);
    fold_full(pixels, vector_transform(p, c, rest), c, rest, [&](const vec& value, auto tap) {
      const auto better = value > best;
      best = xsimd::select(better, value, best);
      chosen = xsimd::select(better, vec(static_cast<float>(tap)), chosen);
    });
    const vec gradient = load_first(gradients + c, rest);
    unroll<full_taps>([&](auto tap) {
      float* const at = to[static_cast<std::size_t>(tap)] + c;
      const vec share = xsimd::select(chosen == vec(static_cast<float>(tap)), gradient, vec(0.0f));
      store_first(at, load_first(at, rest) + share, rest);
    });
  }
}

/// Adds a share of gradients to every pixel of a full window.
ODT_INLINE void spread_full(const float* gradients, const vec& share, const std::array<float*, full_taps>& to,
                            int channels) {
  for (int c = 0; c < channels; c += lanes) {
    const int rest = channels - c;
    const vec gradient = load_first(gradients + c, rest) * share;
    unroll<full_taps>([&](auto tap) {
      float* const at = to[static_cast<std::size_t>(tap)] + c;
      store_first(at, load_first(at, rest) + gradient, rest);
    });
  }
}

}  // namespace detail::pool

ODT_INLINE void max_pool_forward(thread_pool& pool, const window& w, const const_tensor& x, const tensor& y) {
  using namespace detail::pool;
  each_output(pool, w, x.extents(), y.extents(), [&](int n, int oy, int ox, window_range rows, window_range columns) {
    float* to = y.pixel(n, oy, ox);
    if (full(rows, columns)) return max_full(pixels_of(x, n, rows, columns), x.transform, y.channels, to);
    for (int c = 0; c < y.channels; c += lanes) {
      const int rest = y.channels - c;
      const vector_transform transform(x.transform, c, rest);
      vec best(-std::numeric_limits<float>::infinity());
      for (int iy = rows.begin; iy < rows.end; ++iy)
        for (int ix = columns.begin; ix < columns.end; ++ix)
          best = larger(best, transform(load_first(x.pixel(n, iy, ix) + c, rest)));
      store_first(to + c, best, rest);
    }
  });
}

ODT_INLINE void max_pool_backward(thread_pool& pool, const window& w, const const_tensor& x, const const_tensor& dy,
                                  const tensor& dx, bool accumulate) {
  using namespace detail::pool;
  each_scatter(pool, w, dy.extents(), dx, accumulate,
               [&](int n, int oy, int ox, window_range rows, window_range columns, window_range own) {
                 if (full(own, columns))
                   return route_full(pixels_of(x, n, rows, columns), x.transform, dy.pixel(n, oy, ox),
                                     pixels_of(dx, n, rows, columns), dx.channels);
                 for (int c = 0; c < dx.channels; c += lanes) {
                   const int rest = dx.channels - c;
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
                   for (int iy = own.begin, tap = (own.begin - rows.begin) * columns.size(); iy < own.end; ++iy)
                     for (int ix = columns.begin; ix < columns.end; ++ix, ++tap) {
                       float* to = dx.pixel(n, iy, ix) + c;
                       const vec share = xsimd::select(chosen == vec(static_cast<float>(tap)), gradient, vec(0.0f));
                       store_first(to, load_first(to, rest) + share, rest);
                     }
                 }
               });
}

ODT_INLINE void avg_pool_forward(thread_pool& pool, const window& w, const const_tensor& x, const tensor& y) {
  using namespace detail::pool;
  each_output(pool, w, x.extents(), y.extents(), [&](int n, int oy, int ox, window_range rows, window_range columns) {
    float* to = y.pixel(n, oy, ox);
    if (full(rows, columns)) return mean_full(pixels_of(x, n, rows, columns), x.transform, y.channels, to);
    const vec count(static_cast<float>(std::max(1, rows.size() * columns.size())));
    for (int c = 0; c < y.channels; c += lanes) {
      const int rest = y.channels - c;
      const vector_transform transform(x.transform, c, rest);
      vec sum(0.0f);
      for (int iy = rows.begin; iy < rows.end; ++iy)
        for (int ix = columns.begin; ix < columns.end; ++ix) sum += transform(load_first(x.pixel(n, iy, ix) + c, rest));
      store_first(to + c, sum / count, rest);
    }
  });
}

ODT_INLINE void avg_pool_backward(thread_pool& pool, const window& w, const const_tensor& dy, const tensor& dx,
                                  bool accumulate) {
  using namespace detail::pool;
  detail::pool::each_scatter(pool, w, dy.extents(), dx, accumulate,
                             [&](int n, int oy, int ox, window_range rows, window_range columns, window_range own) {
                               const vec share(1.0f / static_cast<float>(std::max(1, rows.size() * columns.size())));
                               for (int c = 0; c < dx.channels; c += lanes) {
                                 const int rest = dx.channels - c;
                                 const vec gradient = load_first(dy.pixel(n, oy, ox) + c, rest) * share;
                                 for (int iy = own.begin; iy < own.end; ++iy)
                                   for (int ix = columns.begin; ix < columns.end; ++ix) {
                                     float* to = dx.pixel(n, iy, ix) + c;
                                     store_first(to, load_first(to, rest) + gradient, rest);
                                   }
                               }
                             });
}

}  // namespace ODT_ISA
}  // namespace odt::cpu
