// SPDX-License-Identifier: MIT
#pragma once

#include <odt/core/error.hpp>
#include <odt/core/target.hpp>
#include <odt/exec/cpu/depthwise/depthwise.hpp>
#include <odt/exec/cpu/depthwise/depthwise_backward.hpp>
#include <odt/exec/cpu/depthwise/depthwise_forward.hpp>
#include <odt/exec/cpu/depthwise/depthwise_sweep.hpp>

namespace odt::cpu {
inline namespace ODT_ISA {

namespace detail::depthwise {

/// Calls body(chunk, image, band, first channel, channels, memory) for all jobs of a sweep.
template <class Body>
void each_job(thread_pool& pool, const sweep& s, const sweep_plan& plan, std::byte* scratch, std::size_t per_thread,
              const Body& body) {
  pool.run(plan.chunks(s.source.batch) * plan.blocks, [&](int job, int thread) {
    scratch_space space(scratch + static_cast<std::size_t>(thread) * per_thread);
    const sweep_memory memory(space, plan, s.window, s.out_width);
    const int chunk = job / plan.blocks, channel = job % plan.blocks * plan.block;
    body(chunk, chunk / plan.bands, chunk % plan.bands, channel, std::min(plan.block, s.channels - channel), memory);
  });
}

ODT_INLINE std::size_t thread_bytes(const sweep_plan& plan, const window& w, int out_width) {
  scratch_space space(nullptr);
  const sweep_memory memory(space, plan, w, out_width);
  return space.used();
}

/// body(output row, its lines) for the rows of a band.
template <class Body>
void each_line(const sweep& s, const sweep_plan& plan, staged_lines& staged, int band, const Body& body) {
  const float* lines[most_lines];
  const int first = plan.first_row(band);
  for (int y = first; y < first + plan.rows(band, s.out_height); ++y) {
    for (int ky = 0; ky < s.window.kernel_height; ++ky)
      lines[ky] = staged.line(y * s.window.stride_height - s.window.pad_top + ky * s.window.rate);
    body(y, static_cast<const float* const*>(lines));
  }
}

/// A block's weights, taps one after another, in whole vectors; flipped for the data's gradient.
ODT_INLINE void pack_weights(const sweep& s, const sweep_plan& plan, const float* weights, bool flipped, int channel,
                             int count, float* to) {
  const int taps = s.window.kernel_height * s.window.kernel_width;
  for (int t = 0; t < taps; ++t) {
    const float* from = weights + std::ptrdiff_t{flipped ? taps - 1 - t : t} * s.channels + channel;
    for (int c = 0; c < count; c += lanes)
      store(to + std::ptrdiff_t{t} * plan.padded_block + c, load_first(from + c, count - c));
  }
}

/// The correlation of a band, block by block. `write(y, line, step)` says where line y goes; `done(chunk, y, ...)`
/// follows.
struct sweep_output {
  tensor to;
  const float* bias = nullptr;
  bool accumulate = false;
  float* moments = nullptr;
  const pending* finish = nullptr;
};

ODT_INLINE void add_repeated(const float* line, std::ptrdiff_t step, const sweep& s, int channel, int count, float* to,
                             std::ptrdiff_t to_step, bool accumulate) {
  for (int x = 0; x < s.out_width; ++x)
    for (int c = 0; c < count / s.multiplier; ++c) {
      float sum = accumulate ? to[x * to_step + channel / s.multiplier + c] : 0.0f;
      for (int q = 0; q < s.multiplier; ++q) sum += line[x * step + c * s.multiplier + q];
      to[x * to_step + channel / s.multiplier + c] = sum;
    }
}

/// Forward, and the data's gradient (`summed`: the repeated channels are added up again).
ODT_INLINE void correlate_all(thread_pool& pool, const sweep& s, const float* weights, bool flipped, bool summed,
                              const sweep_output& out, std::byte* scratch) {
  const shape extents{s.source.batch, s.out_height, s.out_width, s.channels};
  const sweep_plan plan(s.window, s.multiplier, extents);
  sweep source = s;
  if (summed) source.multiplier = 1;
  const std::ptrdiff_t stride = sums_stride(s.channels);
  const auto job = [&](int chunk, int image, int band, int channel, int count, const sweep_memory& memory) {
    pack_weights(s, plan, weights, flipped, channel, count, memory.weights);
    staged_lines staged(source, plan, memory, image, channel);
    each_line(s, plan, staged, band, [&](int y, const float* const* lines) {
      float* const to = summed ? memory.result : out.to.pixel(image, y, 0) + channel;
      const std::ptrdiff_t step = summed ? plan.padded_block : out.to.pixel_stride;
      const line_walk walk{lines, std::ptrdiff_t{s.window.rate} * plan.padded_block,
                           std::ptrdiff_t{s.window.stride_width} * plan.padded_block};
      const line_output line{to,
                             step,
                             s.out_width,
                             count,
                             out.bias ? out.bias + channel : nullptr,
                             out.accumulate && !summed,
                             out.moments ? out.moments + 3 * stride * chunk + channel : nullptr,
                             stride,
                             y == plan.first_row(band),
                             out.finish,
                             channel};
      with_kernel(s.window, [&](auto k, auto kernel_stride) {
        correlate_line<k, kernel_stride>(walk, s.window, memory.weights, plan.padded_block, line);
      });
      if (summed)
        add_repeated(to, step, s, channel, count, out.to.pixel(image, y, 0), out.to.pixel_stride, out.accumulate);
    });
  };
  each_job(pool, s, plan, scratch, thread_bytes(plan, s.window, s.out_width), job);
}

ODT_INLINE sweep forward_sweep(const window& w, const const_tensor& x, const shape& out) {
  return {x, out.channels / x.channels, 1, 1, w, out.height, out.width, out.channels};
}

/// The data's gradient is the correlation of the stretched dy with the flipped kernel.
ODT_INLINE sweep backward_sweep(const window& w, const const_tensor& dy, const shape& in) {
  window flipped{w.kernel_height, w.kernel_width, 1, 1, w.rate};
  flipped.pad_top = (w.kernel_height - 1) * w.rate - w.pad_top;
  flipped.pad_left = (w.kernel_width - 1) * w.rate - w.pad_left;
  return {dy, dy.channels / in.channels, w.stride_height, w.stride_width, flipped, in.height, in.width, dy.channels};
}

/// Memory that the threads share, before their own.
ODT_INLINE std::ptrdiff_t shared_floats(const window& w, const shape& out, const sweep_plan& plan) {
  const std::ptrdiff_t chunks = plan.chunks(out.batch);
  const std::ptrdiff_t sums = std::ptrdiff_t{w.kernel_height} * w.kernel_width * out.channels * chunks;
  const std::ptrdiff_t bias = sums_stride(out.channels) * pixel_pieces(out).count;
  return round_up(std::max(3 * sums_stride(out.channels) * chunks, sums + bias), 16);
}

/// The moments that the chunks of a plan left.
template <class Plan>
void join_chunks(thread_pool& pool, const float* moments, const Plan& plan, const tensor& y,
                 const batch_statistics& to) {
  const auto size_of = [&](int chunk) {
    return static_cast<double>(plan.rows(chunk % plan.bands, y.height)) * y.width;
  };
  join_moments(pool, moments, plan.chunks(y.batch), size_of, y.channels, to);
}

ODT_INLINE std::size_t walk_bytes(const window& w, const shape& in, const shape& out, int threads) {
  const walk_plan plan = forward_plan(w, in, out);
  scratch_space space(nullptr);
  space.take(3 * sums_stride(out.channels) * plan.chunks(out.batch));
  space.take(plan.taps * plan.padded_block * threads);
  return space.used();
}

}  // namespace detail::depthwise

ODT_INLINE std::size_t depthwise_scratch(const window& w, const shape& in, const shape& out, int threads) {
  using namespace detail::depthwise;
  if (w.kernel_height > most_lines)
    fail("depthwise kernel ", w.kernel_height, " high; at most ", most_lines, " are supported");
  const int multiplier = out.channels / in.channels;
  const sweep_plan forward(w, multiplier, out);
  const sweep back = backward_sweep(w, {{nullptr, out.batch, out.height, out.width, out.channels, 0, 0}, {}}, in);
  const sweep_plan backward(back.window, multiplier, {in.batch, in.height, in.width, out.channels});
  const std::size_t own = std::max(thread_bytes(forward, w, out.width), thread_bytes(backward, back.window, in.width));
  const std::size_t separate = static_cast<std::size_t>(shared_floats(w, out, forward)) * sizeof(float) +
                               static_cast<std::size_t>(threads) * own;
  const std::ptrdiff_t sums = std::max(gradient_sums_scratch(in), sums_stride(out.channels) * pixel_pieces(out).count);
  const gradient_space fused(nullptr, walk_plan(w, in, in.width), w, in, threads);
  return std::max(
      {separate, fused.bytes, walk_bytes(w, in, out, threads), static_cast<std::size_t>(sums) * sizeof(float)});
}

ODT_INLINE void depthwise_forward(thread_pool& pool, const window& w, const const_tensor& x, const float* weights,
                                  const float* bias, const tensor& y, const batch_statistics* statistics,
                                  std::byte* scratch, const pending& finish) {
  using namespace detail::depthwise;
  scratch_space space(scratch);
  const pending* const last = finish.none() ? nullptr : &finish;
  if (walks_forward(w, x.extents(), y.extents())) {
    const walk_plan plan = forward_plan(w, x.extents(), y.extents());
    float* const moments = space.take(3 * sums_stride(y.channels) * plan.chunks(y.batch));
    float* const packed = space.take(plan.taps * plan.padded_block * pool.size());
    walk_forward(pool, {w, x, bias, y, statistics ? moments : nullptr, last}, weights, packed);
    if (statistics) join_chunks(pool, moments, plan, y, *statistics);
    return;
  }
  const sweep s = forward_sweep(w, x, y.extents());
  const sweep_plan plan(w, s.multiplier, y.extents());
  float* const moments = space.take(shared_floats(w, y.extents(), plan));
  const sweep_output out{y, bias, false, statistics ? moments : nullptr, last};
  correlate_all(pool, s, weights, false, false, out, scratch + space.used());
  if (statistics) join_chunks(pool, moments, plan, y, *statistics);
}

ODT_INLINE void depthwise_backward_data(thread_pool& pool, const window& w, const const_tensor& dy,
                                        const float* weights, const tensor& dx, bool accumulate, std::byte* scratch) {
  using namespace detail::depthwise;
  const sweep s = backward_sweep(w, dy, dx.extents());
  correlate_all(pool, s, weights, true, s.multiplier > 1, {dx, nullptr, accumulate, nullptr}, scratch);
}

ODT_INLINE void depthwise_backward_weights(thread_pool& pool, const window& w, const const_tensor& x,
                                           const const_tensor& dy, float* dw, float* dbias, std::byte* scratch,
                                           bool accumulate) {
  using namespace detail::depthwise;
  const sweep s = forward_sweep(w, x, dy.extents());
  const sweep_plan plan(w, s.multiplier, dy.extents());
  const int taps = w.kernel_height * w.kernel_width;
  const std::ptrdiff_t size = std::ptrdiff_t{taps} * dy.channels, chunks = plan.chunks(dy.batch);
  scratch_space space(scratch);
  float* const partial = space.take(shared_floats(w, dy.extents(), plan));
  const auto job = [&](int chunk, int image, int band, int channel, int count, const sweep_memory& memory) {
    zero_channels(memory.result, std::ptrdiff_t{taps} * plan.padded_block);
    staged_lines staged(s, plan, memory, image, channel);
    each_line(s, plan, staged, band, [&](int y, const float* const* lines) {
      const line_walk walk{lines, std::ptrdiff_t{w.rate} * plan.padded_block,
                           std::ptrdiff_t{w.stride_width} * plan.padded_block};
      with_kernel(w, [&](auto k, auto kernel_stride) {
        correlate_weights_line<k, kernel_stride>(walk, w, memory.result, plan.padded_block,
                                                 dy.pixel(image, y, 0) + channel, dy.pixel_stride, s.out_width, count);
      });
    });
    for (int t = 0; t < taps; ++t)
      for (int v = 0; v < count; v += lanes)
        store_first(partial + size * chunk + std::ptrdiff_t{t} * dy.channels + channel + v,
                    load(memory.result + std::ptrdiff_t{t} * plan.padded_block + v), count - v);
  };
  each_job(pool, s, plan, scratch + space.used(), thread_bytes(plan, w, s.out_width), job);
  join_sums(pool, partial, size, static_cast<int>(chunks), size, dw, accumulate);
  if (dbias) sum_pixels(pool, dy, dbias, accumulate, partial + size * chunks);
}

ODT_INLINE void depthwise_backward(thread_pool& pool, const window& w, const const_tensor& x, const const_tensor& dy,
                                   const float* weights, const tensor& dx, bool accumulate, float* dw, float* dbias,
                                   const gradient_sums* sums, std::byte* scratch) {
  using namespace detail::depthwise;
  if (!dx.data) accumulate = false, sums = nullptr;
  if (dy.channels == x.channels && dy.transform.none()) {
    sweep_gradients(pool, {w, x, dy, dx, accumulate, sums}, weights, dw, scratch);
  } else {
    depthwise_backward_weights(pool, w, x, dy, dw, nullptr, scratch);
    if (dx.data) depthwise_backward_data(pool, w, dy, weights, dx, accumulate, scratch);
    if (sums) sum_gradient(pool, *sums, dx, reinterpret_cast<float*>(scratch));
  }
  if (dbias) sum_pixels(pool, dy, dbias, false, reinterpret_cast<float*>(scratch));
}

}  // namespace ODT_ISA
}  // namespace odt::cpu
