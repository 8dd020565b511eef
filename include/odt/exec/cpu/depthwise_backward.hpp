// SPDX-License-Identifier: MIT
// Both gradients of a depthwise convolution in one sweep. An input pixel and the pixels of dy that its taps reach give
// that pixel of dx and its products for the weights: dy, x and dx go through memory once, and no line is staged.
#pragma once

#include <odt/exec/cpu/convolution.hpp>
#include <odt/exec/cpu/gradient_sums.hpp>

namespace odt::cpu {
inline namespace ODT_ISA {

namespace detail::depthwise {

inline constexpr int most_lines = 64;  ///< tallest kernel

/// The operands of a sweep; dx.data and sums may be null.
struct gradient_task {
  convolution window;
  const_tensor x, dy;
  tensor dx;
  bool accumulate;
  const gradient_sums* sums;
};

/// How a sweep is cut into jobs; follows from the shape alone. The weights of a block and their gradient stay in L1.
struct gradient_plan {
  int taps, block, blocks, bands, band_rows;
  std::ptrdiff_t padded_block;

  gradient_plan(const convolution& c, const shape& in) : taps(c.kernel_height * c.kernel_width) {
    const std::ptrdiff_t fit = std::max<std::ptrdiff_t>(2 * lanes, 2304 / taps);
    block = static_cast<int>(round_up(ceil_div(in.channels, ceil_div(in.channels, fit)), lanes));
    block = std::min(block, in.channels);
    blocks = static_cast<int>(ceil_div(in.channels, block));
    const auto wanted = static_cast<int>(ceil_div(16, std::max(1, in.batch)));
    band_rows = static_cast<int>(ceil_div(in.height, std::clamp(wanted, 1, in.height)));
    bands = static_cast<int>(ceil_div(in.height, band_rows));
    padded_block = round_up(block, lanes);
  }
  int chunks(int batch) const { return batch * bands; }
};

/// Memory of a thread: the weights of a block and their gradient, tap by tap, and the taps of a pixel.
struct gradient_memory {
  float *weights, *sums;
  int* columns;

  gradient_memory(scratch_space& space, const gradient_plan& plan, const convolution& c) {
    weights = space.take(plan.taps * plan.padded_block);
    sums = space.take(plan.taps * plan.padded_block);
    columns = reinterpret_cast<int*>(space.take(2 * std::ptrdiff_t{c.kernel_width}));
  }
};

/// A block of channels of an image.
struct gradient_block {
  const gradient_task& task;
  const gradient_plan& plan;
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
    const convolution& c = task.window;
    x = task.x.pixel(b.image, row, 0) + b.channel;
    z = task.sums ? task.sums->z.pixel(b.image, row, 0) + b.channel : nullptr;
    dx = task.dx.data ? task.dx.pixel(b.image, row, 0) + b.channel : nullptr;
    for (int ky = 0; ky < c.kernel_height; ++ky) {
      const int at = row + c.pad_top - ky * c.rate;
      if (at < 0 || at % c.stride_height != 0 || at / c.stride_height >= task.dy.height) continue;
      dy[lines] = task.dy.pixel(b.image, at / c.stride_height, 0) + b.channel;
      tap[lines++] = ky * c.kernel_width;
    }
  }
};

/// Calls body(first channel, channels) with a constant number of channels for whole vectors.
template <class Body>
[[gnu::always_inline]] inline void each_vector(int count, const Body& body) {
  std::ptrdiff_t c = 0;
  for (; c + lanes <= count; c += lanes) body(c, std::integral_constant<std::ptrdiff_t, lanes>{});
  if (c < count) body(c, count - c);
}

/// The pixels of a group, for one vector of channels, in registers: x as the convolution saw it, and dx.
template <int Pixels>
struct gradient_group {
  vec value[Pixels], gradient[Pixels];

  template <class Count>
  [[gnu::always_inline]] gradient_group(const gradient_block& b, const gradient_line& line, int pixel, std::ptrdiff_t c,
                                        Count count) {
    const gradient_task& task = b.task;
    const vector_transform transform(task.x.transform, b.channel + c, count);
    unroll<Pixels>([&](auto p) {
      value[p] = transform(load_first(line.x + (pixel + p) * task.x.pixel_stride + c, count));
      gradient[p] = task.accumulate ? load_first(line.dx + (pixel + p) * task.dx.pixel_stride + c, count) : vec(0.0f);
    });
  }

  template <class Count>
  [[gnu::always_inline]] void leave(const gradient_block& b, const gradient_line& line, int pixel, std::ptrdiff_t c,
                                    Count count) const {
    const gradient_task& task = b.task;
    if (!line.dx) return;
    unroll<Pixels>([&](auto p) { store_first(line.dx + (pixel + p) * task.dx.pixel_stride + c, gradient[p], count); });
    if (!line.z) return;
    gradient_adder adder(*task.sums, b.channel + c, count);
    unroll<Pixels>([&](auto p) {
      adder.add(gradient[p], load_first(line.z + (pixel + p) * task.sums->z.pixel_stride + c, count));
    });
    adder.leave(b.sums, b.channel + c, count, false);
  }
};

/// Pixels of the input whose taps, of a kernel 3 wide, all lie within the `Lines` lines of dy, from column `from` on.
template <int Stride, int Lines, int Pixels>
void add_group(const gradient_block& b, const gradient_line& line, int pixel, int from) {
  const std::ptrdiff_t step = b.plan.padded_block, dy_step = b.task.dy.pixel_stride;
  each_vector(
      b.count, [&](std::ptrdiff_t c, auto count) __attribute__((always_inline)) {
        gradient_group<Pixels> group(b, line, pixel, c, count);
        unroll<Lines>([&](auto i) {
          const float* const dy = line.dy[i] + from * dy_step + c;
          const float* const weights = b.memory.weights + line.tap[i] * step + c;
          float* const to = b.memory.sums + line.tap[i] * step + c;
          vec weight[3], sum[3];
          unroll<3>([&](auto kx) { weight[kx] = load(weights + kx * step), sum[kx] = load(to + kx * step); });
          unroll<(Pixels + 1) / Stride + 1>([&](auto column) {
            const vec value = load_first(dy + column * dy_step, count);
            unroll<Pixels>([&](auto p) {
              constexpr int kx = p + 2 - Stride * column;
              if constexpr (kx >= 0 && kx < 3) {
                group.gradient[p] = multiply_add(value, weight[kx], group.gradient[p]);
                sum[kx] = multiply_add(value, group.value[p], sum[kx]);
              }
            });
          });
          unroll<3>([&](auto kx) { store(to + kx * step, sum[kx]); });
        });
        group.leave(b, line, pixel, c, count);
      });
}

/// A pixel of the input, any window.
inline void add_pixel(const gradient_block& b, const gradient_line& line, int pixel) {
  const convolution& w = b.task.window;
  int taps = 0, *const tap = b.memory.columns, *const column = tap + w.kernel_width;
  for (int kx = 0; kx < w.kernel_width; ++kx) {
    const int at = pixel + w.pad_left - kx * w.rate;
    if (at < 0 || at % w.stride_width != 0 || at / w.stride_width >= b.task.dy.width) continue;
    tap[taps] = kx, column[taps++] = at / w.stride_width;
  }
  each_vector(b.count, [&](std::ptrdiff_t c, auto count) {
    gradient_group<1> group(b, line, pixel, c, count);
    for (int i = 0; i < line.lines; ++i)
      for (int t = 0; t < taps; ++t) {
        const std::ptrdiff_t at = (line.tap[i] + tap[t]) * b.plan.padded_block + c;
        const vec dy = load_first(line.dy[i] + column[t] * b.task.dy.pixel_stride + c, count);
        group.gradient[0] = multiply_add(dy, load(b.memory.weights + at), group.gradient[0]);
        store(b.memory.sums + at, multiply_add(dy, group.value[0], load(b.memory.sums + at)));
      }
    group.leave(b, line, pixel, c, count);
  });
}

/// Whether a group of pixels of the input from `pixel` on has all its taps within dy.
template <int Stride, int Pixels>
bool group_fits(const gradient_task& task, int pixel) {
  const int at = pixel + task.window.pad_left - 2;
  return at >= 0 && at % Stride == 0 && at / Stride + (Pixels + 1) / Stride < task.dy.width &&
         pixel + Pixels <= task.x.width;
}

template <int Stride, int Lines>
void add_line(const gradient_block& b, const gradient_line& line) {
  constexpr int pixels = 4;
  for (int x = 0; x < b.task.x.width;)
    if (group_fits<Stride, pixels>(b.task, x)) {
      add_group<Stride, Lines, pixels>(b, line, x, (x + b.task.window.pad_left - 2) / Stride);
      x += pixels;
    } else {
      add_pixel(b, line, x++);
    }
}

template <int Stride>
void add_line(const gradient_block& b, const gradient_line& line) {
  if (line.lines == 3) return add_line<Stride, 3>(b, line);
  if (line.lines == 2) return add_line<Stride, 2>(b, line);
  if (line.lines == 1) return add_line<Stride, 1>(b, line);
  add_line<Stride, 0>(b, line);
}

inline void add_any_line(const gradient_block& b, const gradient_line& line) {
  const convolution& c = b.task.window;
  const bool square = c.kernel_height == 3 && c.kernel_width == 3 && c.rate == 1;
  if (square && c.stride_width == 1) return add_line<1>(b, line);
  if (square && c.stride_width == 2) return add_line<2>(b, line);
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

  gradient_space(std::byte* scratch, const gradient_plan& plan, const convolution& c, const shape& in, int threads)
      : size(std::ptrdiff_t{plan.taps} * in.channels) {
    scratch_space space(scratch), thread(nullptr);
    partial = space.take(size * plan.chunks(in.batch));
    sums = space.take(gradient_sums_size(in.channels, plan.chunks(in.batch)));
    own = scratch ? scratch + space.used() : nullptr;
    const gradient_memory memory(thread, plan, c);
    own_bytes = thread.used();
    bytes = space.used() + own_bytes * static_cast<std::size_t>(threads);
  }
};

/// The sweep; dw = the weights' gradient.
inline void sweep_gradients(thread_pool& pool, const gradient_task& task, const float* weights, float* dw,
                            std::byte* scratch) {
  const int channels = task.x.channels;
  const gradient_plan plan(task.window, task.x.extents());
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
