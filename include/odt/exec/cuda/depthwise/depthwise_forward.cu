// SPDX-License-Identifier: MIT
#include <odt/exec/cuda/depthwise/depthwise.hpp>
#include <odt/exec/cuda/depthwise/depthwise_strips.cuh>
#include <odt/exec/cuda/machine/error.hpp>
#include <odt/exec/cuda/machine/moments.cuh>

namespace odt::cuda {

namespace {

inline constexpr int strip_width = 2;  ///< channels of a thread of the 3x3 kernels
inline constexpr int any_width = 4;    ///< of the others

/// Outputs side by side that a thread of the 3x3 kernels computes at a time.
inline constexpr int strip_outputs(int stride) { return stride == 1 ? 4 : 2; }

template <class T>
struct forward_pass {
  window w;
  tensor<const T> x;
  tensor<T> y;
  const float *weights, *bias;
  pending transform, finish;
  partial_sums moments;
  strip_grid grid;  ///< of y
};

/// A thread's channels of an output: what follows the taps.
template <int Width, bool Finish, class T>
struct output_writer {
  affine<Width> finish;
  moment_adder<Width> moments;
  bool wants_moments;

  __device__ output_writer(const forward_pass<T>& pass, int channel)
      : finish(Finish ? pass.finish : pending{}, channel), wants_moments(pass.moments.at != nullptr) {}

  __device__ void write(T* to, floats<Width> v) {
#pragma unroll
    for (int i = 0; i < Width; ++i) v[i] = to_float(from_float<T>(Finish ? finish(v[i], i) : v[i]));
    store<Width>(to, v);
    if (wants_moments) moments.add(v);
  }
};

/// What a thread keeps for all of its strips of a 3x3 kernel.
template <int Width, int Stride, bool Finish, class T>
struct forward_strip {
  static constexpr int outputs = strip_outputs(Stride), columns = (outputs - 1) * Stride + 3;
  using raw_line = packed_vector<Width, T>[columns];
  using line_sums = floats<Width>[outputs];

  const forward_pass<T>& pass;
  int channel;
  affine<Width> transform;
  output_writer<Width, Finish, T> writer;
  floats<Width> weights[9], bias;

  __device__ forward_strip(const forward_pass<T>& p, int c)
      : pass(p), channel(c), transform(p.transform, c), writer(p, c) {
#pragma unroll
    for (int i = 0; i < Width; ++i) {
      bias[i] = p.bias ? p.bias[c + i] : 0.0f;
#pragma unroll
      for (int t = 0; t < 9; ++t) weights[t][i] = p.weights[t * p.x.channels + c + i];
    }
  }

  __device__ void begin(line_sums& sums) const {
#pragma unroll
    for (int o = 0; o < outputs; ++o) sums[o] = bias;
  }

  /// Adds one transformed pixel, column j of the strip, in row ky of the kernel.
  __device__ void add(line_sums& sums, const floats<Width>& x, int j, int ky) const {
#pragma unroll
    for (int o = 0; o < outputs; ++o) {
      const int kx = j - o * Stride;
      if (kx < 0 || kx > 2) continue;
#pragma unroll
      for (int i = 0; i < Width; ++i) sums[o][i] = fmaf(x[i], weights[3 * ky + kx][i], sums[o][i]);
    }
  }

  __device__ void write(T* to, int column, const line_sums& sums) {
#pragma unroll
    for (int o = 0; o < outputs; ++o)
      if (column + o < pass.y.width) writer.write(to + o * pass.y.pixel_stride, sums[o]);
  }

  __device__ void walk(unsigned item) {
    const strip_grid::place at = pass.grid.at(item);
    const int column = at.strip * outputs;
    const strip_reader<Width, columns, T> reader(pass.x, at.image, column * Stride - pass.w.pad_left, channel);
    T* to = pass.y.data + at.image * pass.y.image_stride +
            (std::int64_t{1} * at.row * pass.y.width + column) * pass.y.pixel_stride + channel;
    const std::int64_t line = pass.y.width * pass.y.pixel_stride;
    if constexpr (Stride == 1)
      walk_dense(at, reader, to, column, line);
    else
      walk_strided(at, reader, to, column, line);
  }

  /// Line after line of x; each is the last of one output, the middle and the first one of the next.
  template <class Reader>
  __device__ void walk_dense(const strip_grid::place& at, const Reader& reader, T* to, int column, std::int64_t line) {
    line_sums last, middle, first;
    raw_line next;
    begin(last), begin(middle);
    const int top = at.row - pass.w.pad_top, lines = at.end - at.row + 2;
    reader.read(top, next);
#pragma unroll(sizeof(T) == 2 ? 3 : 1)
    for (int l = 0; l < lines; ++l) {
      raw_line raw;
#pragma unroll
      for (int j = 0; j < columns; ++j) raw[j] = next[j];
      if (l + 1 < lines) reader.read(top + l + 1, next);
      begin(first);
      if (reader.inside(top + l))
#pragma unroll
        for (int j = 0; j < columns; ++j) {
          floats<Width> x;
#pragma unroll
          for (int i = 0; i < Width; ++i) x[i] = reader.has(j) ? transform(raw[j][i], i) : 0.0f;
          add(last, x, j, 2), add(middle, x, j, 1), add(first, x, j, 0);
        }
      if (l >= 2) write(to, column, last), to += line;
#pragma unroll
      for (int o = 0; o < outputs; ++o) last[o] = middle[o], middle[o] = first[o];
    }
  }

  /// Two lines of x for each of y: its middle; its last one, which is the next one's first.
  template <class Reader>
  __device__ void walk_strided(const strip_grid::place& at, const Reader& reader, T* to, int column,
                               std::int64_t line) {
    line_sums own, next_own;
    raw_line middle, last;
    const auto each = [&](const raw_line& raw, int l, const auto& body) {
      if (!reader.inside(l)) return;
#pragma unroll
      for (int j = 0; j < columns; ++j) {
        floats<Width> x;
#pragma unroll
        for (int i = 0; i < Width; ++i) x[i] = reader.has(j) ? transform(raw[j][i], i) : 0.0f;
        body(x, j);
      }
    };
    int l = at.row * 2 - pass.w.pad_top;
    reader.read(l, last);
    begin(own);
    each(last, l, [&](const floats<Width>& x, int j) { add(own, x, j, 0); });
    reader.read(l + 1, middle), reader.read(l + 2, last);
    for (int row = at.row; row < at.end; ++row, l += 2, to += line) {
      begin(next_own);
      each(middle, l + 1, [&](const floats<Width>& x, int j) { add(own, x, j, 1); });
      if (row + 1 < at.end) reader.read(l + 3, middle);
      each(last, l + 2, [&](const floats<Width>& x, int j) { add(own, x, j, 2), add(next_own, x, j, 0); });
      if (row + 1 < at.end) reader.read(l + 4, last);
      write(to, column, own);
#pragma unroll
      for (int o = 0; o < outputs; ++o) own[o] = next_own[o];
    }
  }
};

template <int Width, int Stride, bool Finish, class T>
__global__ void __launch_bounds__(block_threads, 2) forward_3x3(const __grid_constant__ forward_pass<T> pass) {
  const int c = own_channel<Width>();
  const bool active = c < pass.x.channels;
  forward_strip<Width, Stride, Finish, T> strip(pass, active ? c : 0);
  if (active) each_item<1>(pass.grid.items, [&](auto, unsigned item, unsigned) { strip.walk(item); });
  if (pass.moments.at) leave_moments(strip.writer.moments, pass.moments, c, active);
}

/// Any window; items are pixels of y.
template <int Width, class T>
__global__ void __launch_bounds__(block_threads, 2) forward_any(const __grid_constant__ forward_pass<T> pass) {
  const int c = own_channel<Width>();
  const bool active = c < pass.x.channels;
  const int channel = active ? c : 0;
  const affine<Width> transform(pass.transform, channel);
  output_writer<Width, true, T> writer(pass, channel);
  const auto value = [&](int image, int row, int column) {
    floats<Width> sum;
#pragma unroll
    for (int i = 0; i < Width; ++i) sum[i] = pass.bias ? pass.bias[c + i] : 0.0f;
    for (int t = 0; t < pass.w.kernel_height * pass.w.kernel_width; ++t) {
      const int ky = t / pass.w.kernel_width, kx = t - ky * pass.w.kernel_width;
      const int iy = row * pass.w.stride - pass.w.pad_top + ky * pass.w.rate;
      const int ix = column * pass.w.stride - pass.w.pad_left + kx * pass.w.rate;
      if (iy < 0 || iy >= pass.x.height || ix < 0 || ix >= pass.x.width) continue;
      const floats<Width> x = load<Width>(pass.x.data + image * pass.x.image_stride +
                                          (std::int64_t{1} * iy * pass.x.width + ix) * pass.x.pixel_stride + c);
#pragma unroll
      for (int i = 0; i < Width; ++i)
        sum[i] = fmaf(transform(x[i], i), pass.weights[std::int64_t{1} * t * pass.x.channels + c + i], sum[i]);
    }
    return sum;
  };
  if (active)
    each_item<1>(pass.grid.items, [&](auto, unsigned item, unsigned) {
      const strip_grid::place at = pass.grid.at(item);
      for (int row = at.row; row < at.end; ++row)
        writer.write(pass.y.data + at.image * pass.y.image_stride +
                         (std::int64_t{1} * row * pass.y.width + at.strip) * pass.y.pixel_stride + c,
                     value(at.image, row, at.strip));
    });
  if (pass.moments.at) leave_moments(writer.moments, pass.moments, c, active);
}

template <int Stride, class T>
int launch_3x3(cudaStream_t stream, forward_pass<T>& pass) {
  constexpr int outputs = strip_outputs(Stride);
  const tensor<T>& y = pass.y;
  pass.grid = strip_grid(y.batch, y.height, (y.width + outputs - 1) / outputs, y.channels / strip_width);
  const launch_shape shape = shape_over(y.channels, strip_width, pass.grid.items);
  if (pass.finish.none())
    forward_3x3<strip_width, Stride, false><<<shape.blocks, shape.threads, 0, stream>>>(pass);
  else
    forward_3x3<strip_width, Stride, true><<<shape.blocks, shape.threads, 0, stream>>>(pass);
  check_launch("depthwise_forward");
  return static_cast<int>(shape.blocks.x);
}

template <int Width, class T>
int launch_any(cudaStream_t stream, forward_pass<T>& pass) {
  const tensor<T>& y = pass.y;
  pass.grid = strip_grid(y.batch, y.height, y.width, y.channels / Width);
  const launch_shape shape = shape_over(y.channels, Width, pass.grid.items);
  forward_any<Width><<<shape.blocks, shape.threads, 0, stream>>>(pass);
  check_launch("depthwise_forward");
  return static_cast<int>(shape.blocks.x);
}

}  // namespace

template <class T>
int depthwise_forward(cudaStream_t stream, const window& w, const reading<T>& x, const float* weights,
                      const float* bias, const tensor<T>& y, const partial_sums& moments, const pending& finish) {
  if (y.channels != x.x.channels) fail("depthwise convolution on CUDA: depth multipliers above 1 are not supported");
  if (y.pixels() == 0) return 0;
  forward_pass<T> pass{w, x.x, y, weights, bias, x.transform, finish, moments, {}};
  const bool small =
      w.kernel_height == 3 && w.kernel_width == 3 && w.rate == 1 && fits(x.x, strip_width) && fits(y, strip_width);
  if (small && w.stride == 1) return launch_3x3<1>(stream, pass);
  if (small && w.stride == 2) return launch_3x3<2>(stream, pass);
  if (fits(x.x, any_width) && fits(y, any_width)) return launch_any<any_width>(stream, pass);
  return launch_any<1>(stream, pass);
}

template int depthwise_forward(cudaStream_t, const window&, const reading<float>&, const float*, const float*,
                               const tensor<float>&, const partial_sums&, const pending&);
template int depthwise_forward(cudaStream_t, const window&, const reading<bf16>&, const float*, const float*,
                               const tensor<bf16>&, const partial_sums&, const pending&);

}  // namespace odt::cuda
