// SPDX-License-Identifier: MIT
// Both gradients of a depthwise convolution in one sweep. An input pixel and the pixels of dy that its taps reach give
// that pixel of dx and its products for the weights: dy, x and dx go through memory once, and no line is staged.
#pragma once

#include <odt/exec/cpu/convolution/convolution.hpp>
#include <odt/exec/cpu/depthwise/depthwise_walk.hpp>
#include <odt/exec/cpu/passes/gradient_sums.hpp>

namespace odt::cpu {
inline namespace ODT_ISA {

namespace detail::depthwise {

/// The operands of a sweep; dx.data and sums may be null.
struct gradient_task {
  cpu::window window;
  const_tensor x, dy;
  tensor dx;
  bool accumulate;
  const gradient_sums* sums;
};

/// Memory of a thread: the weights of a block and their gradient, tap by tap, and the taps of a pixel.
struct gradient_memory {
  float *weights, *sums;
  int* columns;

  gradient_memory(scratch_space& space, const walk_plan& plan, const window& w) {
    weights = space.take(plan.taps * plan.padded_block);
    sums = space.take(plan.taps * plan.padded_block);
    columns = reinterpret_cast<int*>(space.take(2 * std::ptrdiff_t{w.kernel_width}));
  }
};

/// A block of channels of an image.
struct gradient_block {
  const gradient_task& task;
  const walk_plan& plan;
  const gradient_memory& memory;
  int image, channel, count;
  chunk_gradient_sums sums;
};

/// A line of the input: where the block begins in its first pixel, and in those of the lines of dy that reach it.
struct gradient_line {
  const float *x, *z;
  float* dx;
  int lines = 0;
  const float* dy[most_lines];
  int tap[most_lines];  ///< the first tap of the kernel's row that joins the lines

  gradient_line(const gradient_block& b, int row) {
    const gradient_task& task = b.task;
    const window& w = task.window;
    x = task.x.pixel(b.image, row, 0) + b.channel;
    z = task.sums ? task.sums->z.pixel(b.image, row, 0) + b.channel : nullptr;
    dx = task.dx.data ? task.dx.pixel(b.image, row, 0) + b.channel : nullptr;
    for (int ky = 0; ky < w.kernel_height; ++ky) {
      const int at = row + w.pad_top - ky * w.rate;
      if (at < 0 || at % w.stride_height != 0 || at / w.stride_height >= task.dy.height) continue;
      dy[lines] = task.dy.pixel(b.image, at / w.stride_height, 0) + b.channel;
      tap[lines++] = ky * w.kernel_width;
    }
  }
};

/// Has the lines that the next one needs brought to the cache, a piece for every vector of this one.
struct line_ahead {
  channel_prefetch x, dx, dy;

  line_ahead(const gradient_block& b, const gradient_line& line)
      : x(line.x + b.task.x.width * b.task.x.pixel_stride, b.task.x.pixel_stride, b.count),
        dx(line.dx + (line.dx ? b.task.dx.width * b.task.dx.pixel_stride : 0), b.task.dx.pixel_stride, b.count),
        dy(line.lines > 0 ? line.dy[0] + b.task.dy.width * b.task.dy.pixel_stride : line.x, b.task.dy.pixel_stride,
           b.count) {}

  template <int Stride, int Pixels>
  [[gnu::always_inline]] void fetch() {
    for (int p = 0; p < Pixels; ++p) x.read(), dx.write();
    for (int p = 0; p < Pixels; p += Stride) dy.read();
  }
};

/// In the place of sums that nobody wants.
inline constexpr float no_means[lanes] = {};
inline constexpr gradient_sums no_sums{{}, no_means, nullptr, nullptr};

/// A vector of channels of a line: what its pixels share while they are walked along.
template <class Count>
struct gradient_walk {
  const gradient_task& task;
  const float *x, *z;
  float* dx;
  std::ptrdiff_t c;
  Count count;
  vector_transform transform;
  gradient_adder adder;

  [[gnu::always_inline]] gradient_walk(const gradient_block& b, const gradient_line& line, std::ptrdiff_t channel,
                                       Count channels)
      : task(b.task),
        x(line.x + channel),
        z(line.z ? line.z + channel : nullptr),
        dx(line.dx ? line.dx + channel : nullptr),
        c(channel),
        count(channels),
        transform(task.x.transform, b.channel + c, count),
        adder(task.sums ? *task.sums : no_sums, task.sums ? b.channel + c : 0, count) {}

  /// x as the convolution saw it.
  [[gnu::always_inline]] vec value(std::ptrdiff_t pixel) const {
    return transform(load_first(x + pixel * task.x.pixel_stride, count));
  }
  /// What the gradient begins with.
  [[gnu::always_inline]] vec start(std::ptrdiff_t pixel) const {
    return task.accumulate ? load_first(dx + pixel * task.dx.pixel_stride, count) : vec(0.0f);
  }
  [[gnu::always_inline]] void finish(std::ptrdiff_t pixel, const vec& gradient) {
    if (dx) store_first(dx + pixel * task.dx.pixel_stride, gradient, count);
    if (z) adder.add(gradient, load_first(z + pixel * task.sums->z.pixel_stride, count));
  }
  [[gnu::always_inline]] void leave(const gradient_block& b) const {
    if (z) adder.leave(b.sums, b.channel + c, count, false);
  }
};

/// The lines of a walk for one vector of channels: dy, the weights, and the weights' gradient, which is in registers.
template <int Lines>
struct walk_lines {
  static constexpr int size = Lines + (Lines == 0);
  const float *dy[size], *weights[size];
  float* to[size];
  std::ptrdiff_t step;
  vec sums[size][3];

  [[gnu::always_inline]] walk_lines(const gradient_block& b, const gradient_line& line, std::ptrdiff_t c)
      : step(b.plan.padded_block) {
    for (int i = 0; i < Lines; ++i) {
      dy[i] = line.dy[i] + c;
      weights[i] = b.memory.weights + line.tap[i] * step + c;
      to[i] = b.memory.sums + line.tap[i] * step + c;
    }
    unroll<3 * Lines>([&](auto t)
                          __attribute__((always_inline)) { sums[t / 3][t % 3] = load(to[t / 3] + t % 3 * step); });
  }
  [[gnu::always_inline]] void leave() const {
    unroll<3 * Lines>([&](auto t)
                          __attribute__((always_inline)) { store(to[t / 3] + t % 3 * step, sums[t / 3][t % 3]); });
  }
};

/// `Pixels` pixels of the input whose taps all lie within dy, from column `from` on.
template <int Stride, int Pixels, int Lines, class Count>
[[gnu::always_inline]] inline void walk_group(gradient_walk<Count>& walk, walk_lines<Lines>& lines, int pixel,
                                              int from) {
  constexpr int columns = (Pixels + 1) / Stride + 1;
  const std::ptrdiff_t step = walk.task.dy.pixel_stride, at = from * step;
  vec value[Pixels], gradient[Pixels];
  unroll<Pixels>([&](auto p) __attribute__((always_inline)) {
    value[p] = walk.value(pixel + p);
    gradient[p] = walk.start(pixel + p);
  });
  unroll<Lines * columns>([&](auto t) __attribute__((always_inline)) {
    constexpr int i = t / columns, column = t % columns;
    const vec dy = load_first(lines.dy[i] + at + column * step, walk.count);
    unroll<Pixels>([&](auto p) __attribute__((always_inline)) {
      constexpr int kx = p + 2 - Stride * column;
      if constexpr (kx >= 0 && kx < 3) {
        gradient[p] = multiply_add(dy, load(lines.weights[i] + kx * lines.step), gradient[p]);
        lines.sums[i][kx] = multiply_add(dy, value[p], lines.sums[i][kx]);
      }
    });
  });
  unroll<Pixels>([&](auto p) __attribute__((always_inline)) { walk.finish(pixel + p, gradient[p]); });
}

/// A pixel of the input near the border, some of whose taps lie outside dy.
template <int Stride, int Lines, class Count>
[[gnu::always_inline]] inline void walk_pixel(gradient_walk<Count>& walk, walk_lines<Lines>& lines, int pixel) {
  const vec value = walk.value(pixel);
  vec gradient = walk.start(pixel);
  unroll<3>([&](auto kx) __attribute__((always_inline)) {
    const int at = pixel + walk.task.window.pad_left - kx;
    if (at < 0 || at % Stride != 0 || at / Stride >= walk.task.dy.width) return;
    const std::ptrdiff_t column = at / Stride * walk.task.dy.pixel_stride;
    unroll<Lines>([&](auto i) __attribute__((always_inline)) {
      const vec dy = load_first(lines.dy[i] + column, walk.count);
      gradient = multiply_add(dy, load(lines.weights[i] + kx * lines.step), gradient);
      lines.sums[i][kx] = multiply_add(dy, value, lines.sums[i][kx]);
    });
  });
  walk.finish(pixel, gradient);
}

/// A pixel of the input, any window.
inline void add_pixel(const gradient_block& b, const gradient_line& line, int pixel) {
  const window& w = b.task.window;
  int taps = 0, *const tap = b.memory.columns, *const column = tap + w.kernel_width;
  for (int kx = 0; kx < w.kernel_width; ++kx) {
    const int at = pixel + w.pad_left - kx * w.rate;
    if (at < 0 || at % w.stride_width != 0 || at / w.stride_width >= b.task.dy.width) continue;
    tap[taps] = kx, column[taps++] = at / w.stride_width;
  }
  each_vector(b.count, [&](std::ptrdiff_t c, auto count) {
    gradient_walk<decltype(count)> walk(b, line, c, count);
    const vec value = walk.value(pixel);
    vec gradient = walk.start(pixel);
    for (int i = 0; i < line.lines; ++i)
      for (int t = 0; t < taps; ++t) {
        const std::ptrdiff_t at = (line.tap[i] + tap[t]) * b.plan.padded_block + c;
        const vec dy = load_first(line.dy[i] + column[t] * b.task.dy.pixel_stride + c, count);
        gradient = multiply_add(dy, load(b.memory.weights + at), gradient);
        store(b.memory.sums + at, multiply_add(dy, value, load(b.memory.sums + at)));
      }
    walk.finish(pixel, gradient);
    walk.leave(b);
  });
}

/// The groups of pixels of an input line whose taps all lie within dy.
template <int Stride, int Pixels>
struct inner_groups {
  int first = 0, from = 0, count = 0;

  explicit inner_groups(const gradient_task& task) {
    constexpr int columns = (Pixels + 1) / Stride + 1;
    const int pad = task.window.pad_left, least = std::max(0, 2 - pad);
    const int pixel = least + (least + pad) % Stride, column = (pixel + pad - 2) / Stride;
    const int pixels = task.x.width - pixel, reached = task.dy.width - column - columns;
    if (pixels < Pixels || reached < 0) return;
    first = pixel, from = column, count = std::min(pixels / Pixels, 1 + reached / (Pixels / Stride));
  }
  int end() const { return first + count * Pixels; }
};

template <int Stride, int Lines>
void add_line(const gradient_block& b, const gradient_line& line) {
  constexpr int pixels = group_pixels;
  const inner_groups<Stride, pixels> inner(b.task);
  line_ahead ahead(b, line);
  each_vector(
      b.count, [&](std::ptrdiff_t c, auto count) __attribute__((always_inline)) {
        gradient_walk<decltype(count)> walk(b, line, c, count);
        walk_lines<Lines> lines(b, line, c);
        int x = 0, from = inner.from;
        for (; x < inner.first; ++x) walk_pixel<Stride>(walk, lines, x);
        for (; x < inner.end(); x += pixels, from += pixels / Stride) {
          walk_group<Stride, pixels>(walk, lines, x, from);
          ahead.fetch<Stride, pixels>();
        }
        for (; x < b.task.x.width; ++x) walk_pixel<Stride>(walk, lines, x);
        lines.leave();
        walk.leave(b);
      });
}

template <int Stride>
void add_line(const gradient_block& b, const gradient_line& line) {
  if (line.lines == 3) return add_line<Stride, 3>(b, line);
  if (line.lines == 2) return add_line<Stride, 2>(b, line);
  if (line.lines == 1) return add_line<Stride, 1>(b, line);
  add_line<Stride, 0>(b, line);
}

inline void add_any_line(const gradient_block& b, const gradient_line& line) {
  const window& w = b.task.window;
  const bool square = w.kernel_height == 3 && w.kernel_width == 3 && w.rate == 1;
  if (square && w.stride_width == 1) return add_line<1>(b, line);
  if (square && w.stride_width == 2) return add_line<2>(b, line);
  for (int x = 0; x < b.task.x.width; ++x) add_pixel(b, line, x);
}

/// One job: a band of lines of a block, whose gradient of the weights goes to `partial` (taps x channels).
inline void add_band(const gradient_block& b, int band, const float* weights, float* partial) {
  const int channels = b.task.x.channels;
  zero_channels(b.memory.sums, b.plan.taps * b.plan.padded_block);
  for (int t = 0; t < b.plan.taps; ++t)
    copy_channels(b.memory.weights + t * b.plan.padded_block, weights + std::ptrdiff_t{t} * channels + b.channel,
                  b.count, {}, 0);
  if (b.task.sums) {
    zero_channels(b.sums.at + b.channel, b.count);
    zero_channels(b.sums.at + b.sums.stride + b.channel, b.count);
  }
  const int first = band * b.plan.band_rows, last = std::min(b.task.x.height, first + b.plan.band_rows);
  for (int row = first; row < last; ++row) add_any_line(b, gradient_line(b, row));
  for (int t = 0; t < b.plan.taps; ++t)
    each_vector(b.count, [&](std::ptrdiff_t c, auto count) {
      store_first(partial + std::ptrdiff_t{t} * channels + b.channel + c,
                  load(b.memory.sums + t * b.plan.padded_block + c), count);
    });
}

/// Memory of the sweep: what the chunks leave, then the threads' own.
struct gradient_space {
  std::ptrdiff_t size;
  float *partial, *sums;
  std::byte* own;
  std::size_t own_bytes, bytes;

  gradient_space(std::byte* scratch, const walk_plan& plan, const window& w, const shape& in, int threads)
      : size(std::ptrdiff_t{plan.taps} * in.channels) {
    scratch_space space(scratch), thread(nullptr);
    partial = space.take(size * plan.chunks(in.batch));
    sums = space.take(gradient_sums_size(in.channels, plan.chunks(in.batch)));
    own = scratch ? scratch + space.used() : nullptr;
    const gradient_memory memory(thread, plan, w);
    own_bytes = thread.used();
    bytes = space.used() + own_bytes * static_cast<std::size_t>(threads);
  }
};

/// The sweep; dw = the weights' gradient.
inline void sweep_gradients(thread_pool& pool, const gradient_task& task, const float* weights, float* dw,
                            std::byte* scratch) {
  const int channels = task.x.channels;
  const walk_plan plan(task.window, task.x.extents(), task.x.width);
  const gradient_space space(scratch, plan, task.window, task.x.extents(), pool.size());
  const int chunks = plan.chunks(task.x.batch);
  pool.run(chunks * plan.blocks, [&](int job, int thread) {
    scratch_space own(space.own + space.own_bytes * static_cast<std::size_t>(thread));
    const gradient_memory memory(own, plan, task.window);
    const int chunk = job / plan.blocks, channel = job % plan.blocks * plan.block;
    const gradient_block block{task,
                               plan,
                               memory,
                               chunk / plan.bands,
                               channel,
                               std::min(plan.block, channels - channel),
                               gradient_sums_chunk(space.sums, channels, chunk)};
    add_band(block, chunk % plan.bands, weights, space.partial + space.size * chunk);
  });
  join_sums(pool, space.partial, space.size, chunks, space.size, dw, false);
  if (task.sums) join_gradient_sums(pool, *task.sums, space.sums, chunks);
}

}  // namespace detail::depthwise

}  // namespace ODT_ISA
}  // namespace odt::cpu
