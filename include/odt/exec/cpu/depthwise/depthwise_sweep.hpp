// SPDX-License-Identifier: MIT
// A depthwise correlation line by line: transformed, padded lines are staged in a ring, and what reads them need not
// look at borders.
#pragma once

#include <odt/exec/cpu/convolution/convolution.hpp>
#include <odt/exec/cpu/depthwise/depthwise_walk.hpp>
#include <odt/exec/cpu/passes/sums.hpp>

namespace odt::cpu {
inline namespace ODT_ISA {

namespace detail::depthwise {

inline constexpr std::ptrdiff_t line_floats = 1 << 16;  ///< of the staged lines of a block, together: they stay in L2

/// A depthwise correlation. Its input is the source with `up - 1` zeros between its pixels and, when `multiplier` > 1,
/// with every channel repeated: then all three directions are sweeps of the same kind.
struct sweep {
  const_tensor source;
  int multiplier = 1;
  int up_height = 1, up_width = 1;
  cpu::window window;
  int out_height = 0, out_width = 0, channels = 0;
};

/// How a sweep is cut into jobs; follows from the shape alone.
struct sweep_plan {
  int block, blocks, bands, band_rows, padded_block, columns, ring;

  sweep_plan(const window& w, int multiplier, const shape& out) {
    columns = (out.width - 1) * w.stride_width + (w.kernel_width - 1) * w.rate + 1;
    ring = (w.kernel_height - 1) * w.rate + 1;
    // A block is as many channels as fit: long runs of memory are read faster than short ones.
    const std::ptrdiff_t fit = std::max<std::ptrdiff_t>(4 * lanes, line_floats / (std::ptrdiff_t{columns} * ring));
    const int unit = multiplier > 1 ? multiplier : lanes;
    block = static_cast<int>(round_up(ceil_div(out.channels, ceil_div(out.channels, fit)), unit));
    block = std::min(block, out.channels);
    blocks = static_cast<int>(ceil_div(out.channels, block));
    const int wanted = static_cast<int>(ceil_div(16, std::max(1, out.batch * blocks)));
    band_rows = static_cast<int>(ceil_div(out.height, std::clamp(wanted, 1, out.height)));
    bands = static_cast<int>(ceil_div(out.height, band_rows));
    padded_block = static_cast<int>(round_up(block, lanes));
  }
  int chunks(int batch) const { return batch * bands; }
  int first_row(int band) const { return band * band_rows; }
  int rows(int band, int height) const { return std::min(band_rows, height - band * band_rows); }
};

/// Memory of a thread: staged lines of the input (transformed, padded, channels contiguous), the weights of a block, a
/// line of output or the block's gradient of the weights.
struct sweep_memory {
  float *lines, *zeros, *weights, *result, *affine;
  int *staged, *sources;

  sweep_memory(scratch_space& space, const sweep_plan& plan, const window& w, int out_width) {
    const std::ptrdiff_t line = std::ptrdiff_t{plan.columns} * plan.padded_block;
    const std::ptrdiff_t taps = std::ptrdiff_t{w.kernel_height} * w.kernel_width * plan.padded_block;
    lines = space.take(line * plan.ring);
    zeros = space.take(line);
    weights = space.take(taps);
    result = space.take(std::max<std::ptrdiff_t>(taps, std::ptrdiff_t{out_width} * plan.padded_block));
    affine = space.take(2 * std::ptrdiff_t{plan.padded_block});
    staged = reinterpret_cast<int*>(space.take(plan.ring));
    sources = reinterpret_cast<int*>(space.take(plan.padded_block));
  }
};

/// Element i of the result is element sources[i] < lanes of x.
[[gnu::always_inline]] inline vec pick(const vec& x, const int* sources) {
#if defined(__AVX512F__)
  return vec(_mm512_maskz_permutexvar_ps(static_cast<__mmask16>(-1), _mm512_loadu_si512(sources), x));
#elif defined(__AVX2__)
  return vec(_mm256_permutevar8x32_ps(x, _mm256_loadu_si256(reinterpret_cast<const __m256i*>(sources))));
#else
  alignas(64) float from[lanes], to[lanes];
  store(from, x);
  for (int i = 0; i < lanes; ++i) to[i] = from[sources[i]];
  return load(to);
#endif
}

/// The lines of the input that a block of channels of an image needs, staged when they are first asked for.
class staged_lines {
 public:
  staged_lines(const sweep& s, const sweep_plan& plan, const sweep_memory& memory, int image, int channel)
      : s_(s), plan_(plan), memory_(memory), image_(image), channel_(channel) {
    const std::ptrdiff_t line = std::ptrdiff_t{plan.columns} * plan.padded_block;
    zero_channels(memory.lines, line * plan.ring);
    zero_channels(memory.zeros, line);
    std::fill_n(memory.staged, plan.ring, -1);
    count_ = std::min(plan.block, s.channels - channel);
    const pending& p = s.source.transform;
    for (int c = 0; c < plan.padded_block; ++c) {
      const int repeated = channel + std::min(c, count_ - 1), source = repeated / s.multiplier;
      memory.sources[c] = source - (channel + std::min(c / lanes * lanes, count_ - 1)) / s.multiplier;
      memory.affine[c] = p.scale ? p.scale[source] : 1.0f;
      memory.affine[plan.padded_block + c] = p.scale ? p.shift[source] : 0.0f;
    }
  }

  /// The line at position y of the (stretched) input: zeros outside and between source lines.
  const float* line(int y) {
    if (y < 0 || y % s_.up_height != 0 || y / s_.up_height >= s_.source.height) return memory_.zeros;
    const int slot = y % plan_.ring;
    float* to = memory_.lines + std::ptrdiff_t{slot} * plan_.columns * plan_.padded_block;
    if (memory_.staged[slot] != y) stage(y / s_.up_height, to);
    memory_.staged[slot] = y;
    return to;
  }

 private:
  void stage(int row, float* to) const {
    const const_tensor& source = s_.source;
    const int up = s_.up_width, pad = s_.window.pad_left;
    const int first = pad >= 0 ? 0 : static_cast<int>(ceil_div(-pad, up));
    const int last = std::min(source.width, static_cast<int>(ceil_div(plan_.columns - pad, up)));
    for (int x = first; x < last; ++x) {
      const float* from = source.pixel(image_, row, x);
      float* const pixel = to + (std::ptrdiff_t{x} * up + pad) * plan_.padded_block;
      if (s_.multiplier == 1)
        copy_channels(pixel, from + channel_, count_, source.transform, channel_);
      else
        repeat_channels(pixel, from);
    }
  }

  void repeat_channels(float* to, const float* from) const {
    const vec low(s_.source.transform.low), high(s_.source.transform.high);
    for (int c = 0; c < count_; c += lanes) {
      const int first = (channel_ + c) / s_.multiplier;
      const vec value = pick(load_first(from + first, s_.source.channels - first), memory_.sources + c);
      const vec y = multiply_add(value, load(memory_.affine + c), load(memory_.affine + plan_.padded_block + c));
      store(to + c, smaller(high, larger(low, y)));
    }
  }

  const sweep& s_;
  const sweep_plan& plan_;
  const sweep_memory& memory_;
  int image_, channel_, count_;
};

/// Where the staged lines of an output line begin, and the steps between their taps and between output pixels.
struct line_walk {
  const float* const* lines;
  std::ptrdiff_t tap, pixel;
};

/// The weights of a vector of channels: in registers when the kernel's size is known (K x K).
template <int K>
struct tap_weights {
  const float* from;
  std::ptrdiff_t step;
  vec held[K * K + (K == 0)];

  tap_weights(const float* weights, std::ptrdiff_t floats) : from(weights), step(floats) {
    unroll<K * K>([&](auto t) { held[t] = load(weights + t * floats); });
  }
};

/// sums[p] += the correlation at `Pixels` output pixels from float `at` of the lines on.
template <int K, int Stride, int Pixels>
[[gnu::always_inline]] inline void correlate(const line_walk& walk, const window& w, const tap_weights<K>& weights,
                                             std::ptrdiff_t at, vec (&sums)[Pixels]) {
  if constexpr (K > 0) {
    unroll<K>([&](auto ky) {
      const float* line = walk.lines[ky] + at;
      unroll<(Pixels - 1) * Stride + K>([&](auto x) {
        const vec value = load(line + x * walk.tap);
        unroll<Pixels>([&](auto p) {
          constexpr int kx = x - p * Stride;
          if constexpr (kx >= 0 && kx < K) sums[p] = multiply_add(value, weights.held[ky * K + kx], sums[p]);
        });
      });
    });
  } else {
    for (int ky = 0; ky < w.kernel_height; ++ky)
      for (int kx = 0; kx < w.kernel_width; ++kx) {
        const vec weight = load(weights.from + (ky * w.kernel_width + kx) * weights.step);
        const float* line = walk.lines[ky] + at + kx * walk.tap;
        unroll<Pixels>([&](auto p) { sums[p] = multiply_add(load(line + p * walk.pixel), weight, sums[p]); });
      }
  }
}

/// Adds some pixels to the moments of a vector of channels.
template <int Pixels>
[[gnu::always_inline]] inline void add_pixels(const vec (&values)[Pixels], float* moments, std::ptrdiff_t stride,
                                              int count, bool first) {
  const vec shift = first ? values[0] : load_first(moments, count);
  vec sum = first ? vec(0.0f) : load_first(moments + stride, count);
  vec square = first ? vec(0.0f) : load_first(moments + 2 * stride, count);
  unroll<Pixels>([&](auto p) {
    const vec apart = values[p] - shift;
    sum += apart;
    square = multiply_add(apart, apart, square);
  });
  if (first) store_first(moments, shift, count);
  store_first(moments + stride, sum, count);
  store_first(moments + 2 * stride, square, count);
}

/// A line of output: `to` is its first pixel's first channel.
struct line_output {
  float* to;
  std::ptrdiff_t step;
  int pixels, channels;
  const float* bias;  ///< or null
  bool accumulate;
  float* moments;  ///< or null
  std::ptrdiff_t moments_stride;
  bool first;             ///< of the chunk
  const pending* finish;  ///< applied to what is stored, or null; for channels from `channel` on
  int channel;
};

template <int K, int Stride, int Pixels>
void correlate_pixels(const line_walk& walk, const window& w, const float* weights, std::ptrdiff_t step,
                      const line_output& out, int x) {
  for (int c = 0; c < out.channels; c += lanes) {
    const int count = out.channels - c;
    float* const to = out.to + x * out.step + c;
    const vec bias = out.bias ? load_first(out.bias + c, count) : vec(0.0f);
    vec sums[Pixels];
    unroll<Pixels>([&](auto p) { sums[p] = out.accumulate ? load_first(to + p * out.step, count) + bias : bias; });
    correlate<K, Stride, Pixels>(walk, w, tap_weights<K>(weights + c, step), x * walk.pixel + c, sums);
    if (out.finish) {
      const vector_transform transform(*out.finish, out.channel + c, count);
      unroll<Pixels>([&](auto p) { sums[p] = transform(sums[p]); });
    }
    unroll<Pixels>([&](auto p) { store_first(to + p * out.step, sums[p], count); });
    if (out.moments) add_pixels(sums, out.moments + c, out.moments_stride, count, out.first && x == 0);
  }
}

template <int K, int Stride>
void correlate_line(const line_walk& walk, const window& w, const float* weights, std::ptrdiff_t step,
                    const line_output& out) {
  int x = 0;
  for (; x + group_pixels <= out.pixels; x += group_pixels)
    correlate_pixels<K, Stride, group_pixels>(walk, w, weights, step, out, x);
  for (; x < out.pixels; ++x) correlate_pixels<K, Stride, 1>(walk, w, weights, step, out, x);
}

/// weights += the products of some pixels of dy with the staged lines.
template <int K, int Stride, int Pixels>
void correlate_weights(const line_walk& walk, const window& w, float* weights, std::ptrdiff_t step, const float* dy,
                       std::ptrdiff_t dy_step, int channels, int x) {
  for (int c = 0; c < channels; c += lanes) {
    vec gradient[Pixels];
    unroll<Pixels>([&](auto p) { gradient[p] = load_first(dy + (x + p) * dy_step + c, channels - c); });
    const std::ptrdiff_t at = x * walk.pixel + c;
    if constexpr (K > 0) {
      unroll<K>([&](auto ky) {
        const float* line = walk.lines[ky] + at;
        vec sums[K];
        unroll<K>([&](auto kx) { sums[kx] = load(weights + (ky * K + kx) * step + c); });
        unroll<(Pixels - 1) * Stride + K>([&](auto column) {
          const vec value = load(line + column * walk.tap);
          unroll<Pixels>([&](auto p) {
            constexpr int kx = column - p * Stride;
            if constexpr (kx >= 0 && kx < K) sums[kx] = multiply_add(value, gradient[p], sums[kx]);
          });
        });
        unroll<K>([&](auto kx) { store(weights + (ky * K + kx) * step + c, sums[kx]); });
      });
    } else {
      for (int ky = 0; ky < w.kernel_height; ++ky)
        for (int kx = 0; kx < w.kernel_width; ++kx) {
          float* const to = weights + (ky * w.kernel_width + kx) * step + c;
          const float* line = walk.lines[ky] + at + kx * walk.tap;
          vec sum = load(to);
          unroll<Pixels>([&](auto p) { sum = multiply_add(load(line + p * walk.pixel), gradient[p], sum); });
          store(to, sum);
        }
    }
  }
}

template <int K, int Stride>
void correlate_weights_line(const line_walk& walk, const window& w, float* weights, std::ptrdiff_t step,
                            const float* dy, std::ptrdiff_t dy_step, int pixels, int channels) {
  int x = 0;
  for (; x + group_pixels <= pixels; x += group_pixels)
    correlate_weights<K, Stride, group_pixels>(walk, w, weights, step, dy, dy_step, channels, x);
  for (; x < pixels; ++x) correlate_weights<K, Stride, 1>(walk, w, weights, step, dy, dy_step, channels, x);
}

/// Calls body(K, Stride) with the integral constants of the specialized kernels, or 0 and 0.
template <class Body>
void with_kernel(const window& w, const Body& body) {
  const bool square = w.kernel_height == 3 && w.kernel_width == 3 && w.rate == 1;
  using std::integral_constant;
  if (square && w.stride_width == 1)
    body(integral_constant<int, 3>{}, integral_constant<int, 1>{});
  else if (square && w.stride_width == 2)
    body(integral_constant<int, 3>{}, integral_constant<int, 2>{});
  else
    body(integral_constant<int, 0>{}, integral_constant<int, 0>{});
}

}  // namespace detail::depthwise

}  // namespace ODT_ISA
}  // namespace odt::cpu
