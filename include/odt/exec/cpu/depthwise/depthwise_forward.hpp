// SPDX-License-Identifier: MIT
// The 3x3 depthwise convolution, forward. Pixels are transformed as often as they are read: that costs less than to
// stage them.
#pragma once

#include <odt/exec/cpu/depthwise/depthwise_walk.hpp>
#include <odt/exec/cpu/passes/sums.hpp>

namespace odt::cpu {
inline namespace ODT_ISA {

namespace detail::depthwise {

/// The operands of a forward sweep; bias, moments (chunks x 3 x sums_stride) and finish may be null.
struct forward_task {
  cpu::window window;
  const_tensor x;
  const float* bias;
  tensor y;
  float* moments;
  const pending* finish;
};

/// A block of channels of a line of the output, or of some of its pixels.
struct channel_block {
  int first, count;
  const float* weights;  ///< packed, taps `step` floats apart
  std::ptrdiff_t step;
};
struct pixel_range {
  int first, last;
  float* to;  ///< where the block's channels of the first one go
};

/// What is written of a line, and where the block begins in the lines of x that its taps reach.
struct forward_line {
  const forward_task& task;
  channel_block block;
  pixel_range pixels;
  chunk_moments moments;
  bool first;  ///< of the chunk
  int lines = 0;
  const float *x[3], *weights[3];

  forward_line(const forward_task& t, const channel_block& channels, int image, int row, const pixel_range& range,
               const chunk_moments& sums = {}, bool is_first = false)
      : task(t), block(channels), pixels(range), moments(sums), first(is_first) {
    for (int ky = 0; ky < 3; ++ky) {
      const int at = row * t.window.stride_height - t.window.pad_top + ky;
      if (at < 0 || at >= t.x.height) continue;
      x[lines] = t.x.pixel(image, at, 0) + block.first;
      weights[lines++] = block.weights + 3 * ky * block.step;
    }
  }
};

/// A vector of channels of a line while it is walked along. Plain: x is read as it lies, and nobody wants moments.
template <int Lines, bool Plain, class Count>
struct forward_walk {
  const forward_line& line;
  std::ptrdiff_t c;
  Count count;
  vector_transform transform, finish;
  vec bias, shift, sum = vec(0.0f), square = vec(0.0f), weights[Lines + (Lines == 0)][3];

  [[gnu::always_inline]] forward_walk(const forward_line& l, std::ptrdiff_t channel, Count channels)
      : line(l),
        c(channel),
        count(channels),
        transform(l.task.x.transform, l.block.first + c, count),
        finish(l.task.finish ? *l.task.finish : pending{}, l.block.first + c, count),
        bias(l.task.bias ? load_first(l.task.bias + l.block.first + c, count) : vec(0.0f)) {
    unroll<3 * Lines>([&](auto t) __attribute__((always_inline)) {
      weights[t / 3][t % 3] = load(line.weights[t / 3] + t % 3 * line.block.step + c);
    });
  }

  [[gnu::always_inline]] vec value(int i, std::ptrdiff_t column) const {
    const vec raw = load_first(line.x[i] + column * line.task.x.pixel_stride + c, count);
    return Plain ? raw : transform(raw);
  }

  /// One pixel, summed as in a group; taps outside the line are left out.
  template <int Stride>
  [[gnu::always_inline]] vec pixel(int x) const {
    vec result = bias;
    unroll<Lines>([&](auto i) __attribute__((always_inline)) {
      unroll<3>([&](auto kx) __attribute__((always_inline)) {
        const int column = x * Stride - line.task.window.pad_left + kx;
        if (column < 0 || column >= line.task.x.width) return;
        result = multiply_add(value(i, column), weights[i][kx], result);
      });
    });
    return result;
  }

  /// Pixels whose taps all lie within the lines, from column `from` on.
  template <int Stride, int Pixels>
  [[gnu::always_inline]] void group(int from, vec (&results)[Pixels]) const {
    constexpr int columns = (Pixels - 1) * Stride + 3;
    unroll<Pixels>([&](auto p) __attribute__((always_inline)) { results[p] = bias; });
    unroll<Lines * columns>([&](auto t) __attribute__((always_inline)) {
      constexpr int i = t / columns, column = t % columns;
      const vec x = value(i, from + column);
      unroll<Pixels>([&](auto p) __attribute__((always_inline)) {
        constexpr int kx = column - p * Stride;
        if constexpr (kx >= 0 && kx < 3) results[p] = multiply_add(x, weights[i][kx], results[p]);
      });
    });
  }

  [[gnu::always_inline]] void write(int x, const vec& raw) {
    const vec result = line.task.finish ? finish(raw) : raw;
    store_first(line.pixels.to + (x - line.pixels.first) * line.task.y.pixel_stride + c, result, count);
    if constexpr (Plain) return;
    const vec apart = result - shift;
    sum += apart;
    square = multiply_add(apart, apart, square);
  }

  /// Continues the moments of the lines before, or begins them about the first value.
  [[gnu::always_inline]] void begin_moments(const vec& first) {
    shift = first;
    if (Plain || !line.task.moments || line.first) return;
    const float* const from = line.moments.at + line.block.first + c;
    shift = load_first(from, count);
    sum = load_first(from + line.moments.stride, count);
    square = load_first(from + 2 * line.moments.stride, count);
  }
  [[gnu::always_inline]] void leave_moments() const {
    if (Plain || !line.task.moments) return;
    float* const to = line.moments.at + line.block.first + c;
    store_first(to, shift, count);
    store_first(to + line.moments.stride, sum, count);
    store_first(to + 2 * line.moments.stride, square, count);
  }
};

/// The pixels of an output line whose taps all lie within the input.
template <int Stride>
struct inner_pixels {
  int first, last;

  explicit inner_pixels(const forward_task& task) {
    const int pad = task.window.pad_left;
    first = std::max(0, static_cast<int>(ceil_div(pad, Stride)));
    last = task.x.width + pad < 3 ? 0 : std::min(task.y.width, (task.x.width - 3 + pad) / Stride + 1);
  }
};

template <int Stride, int Lines, bool Plain>
void write_line(const forward_line& line) {
  constexpr int pixels = group_pixels;
  const forward_task& task = line.task;
  const inner_pixels<Stride> inner(task);
  const int end = line.pixels.last, before = std::min(inner.first, end), inside = std::min(inner.last, end);
  float* const to = line.pixels.to;
  const float* below = to;
  if constexpr (Lines > 0) below = line.x[Lines - 1] + task.x.width * task.x.pixel_stride;
  channel_prefetch x(below, task.x.pixel_stride, line.block.count);
  channel_prefetch y(to + task.y.width * task.y.pixel_stride, task.y.pixel_stride, line.block.count);
  each_vector(
      line.block.count, [&](std::ptrdiff_t c, auto count) __attribute__((always_inline)) {
        forward_walk<Lines, Plain, decltype(count)> walk(line, c, count);
        walk.begin_moments(line.first ? walk.template pixel<Stride>(0) : vec(0.0f));
        int at = line.pixels.first;
        for (; at < before; ++at) walk.write(at, walk.template pixel<Stride>(at));
        for (; at + pixels <= inside; at += pixels) {
          vec results[pixels];
          walk.template group<Stride, pixels>(at * Stride - task.window.pad_left, results);
          unroll<pixels>([&](auto p) __attribute__((always_inline)) { walk.write(at + p, results[p]); });
          for (int p = 0; p < pixels * Stride * Stride; ++p) x.read();
          for (int p = 0; p < pixels; ++p) y.write();
        }
        for (; at < end; ++at) walk.write(at, walk.template pixel<Stride>(at));
        walk.leave_moments();
      });
}

template <int Stride, bool Plain>
void write_line(const forward_line& line) {
  if (line.lines == 3) return write_line<Stride, 3, Plain>(line);
  if (line.lines == 2) return write_line<Stride, 2, Plain>(line);
  if (line.lines == 1) return write_line<Stride, 1, Plain>(line);
  write_line<Stride, 0, Plain>(line);
}

inline void write_line(const forward_line& line) {
  const forward_task& t = line.task;
  const bool plain = t.x.transform.none() && !t.moments, wide = t.window.stride_width == 2;
  if (plain) return wide ? write_line<2, true>(line) : write_line<1, true>(line);
  wide ? write_line<2, false>(line) : write_line<1, false>(line);
}

/// Whether walk_forward can do it, if each channel has one output.
inline bool walks(const window& w) {
  return w.kernel_height == 3 && w.kernel_width == 3 && w.rate == 1 && w.stride_width <= 2;
}
inline bool walks_forward(const window& w, const shape& in, const shape& out) {
  return walks(w) && in.channels == out.channels;
}

inline walk_plan forward_plan(const window& w, const shape& in, const shape& out) {
  return {w, out, std::max(in.width, out.width)};
}

/// The sweep; `packed` has taps x padded_block floats for each thread.
inline void walk_forward(thread_pool& pool, const forward_task& task, const float* weights, float* packed) {
  const walk_plan plan = forward_plan(task.window, task.x.extents(), task.y.extents());
  pool.run(plan.chunks(task.y.batch) * plan.blocks, [&](int job, int thread) {
    const int chunk = job / plan.blocks, channel = job % plan.blocks * plan.block;
    float* const own = packed + plan.taps * plan.padded_block * thread;
    const channel_block block{channel, std::min(plan.block, task.y.channels - channel), own, plan.padded_block};
    plan.pack(weights, task.y.channels, channel, block.count, own);
    const int image = chunk / plan.bands, first = chunk % plan.bands * plan.band_rows;
    const int last = std::min(task.y.height, first + plan.band_rows);
    const std::ptrdiff_t stride = sums_stride(task.y.channels);
    const chunk_moments moments =
        task.moments ? chunk_moments{task.moments + 3 * stride * chunk, stride} : chunk_moments{};
    for (int row = first; row < last; ++row)
      write_line(
          {task, block, image, row, {0, task.y.width, task.y.pixel(image, row, 0) + channel}, moments, row == first});
  });
}

}  // namespace detail::depthwise

}  // namespace ODT_ISA
}  // namespace odt::cpu
