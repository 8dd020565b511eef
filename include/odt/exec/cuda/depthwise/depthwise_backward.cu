// SPDX-License-Identifier: MIT
#include <odt/exec/cuda/depthwise/depthwise.hpp>
#include <odt/exec/cuda/depthwise/depthwise_strips.cuh>
#include <odt/exec/cuda/machine/error.hpp>

namespace odt::cuda {

namespace {

inline constexpr int strip_width = 2;   ///< channels of a thread of the 3x3 kernels
inline constexpr int strip_inputs = 2;  ///< inputs side by side that such a thread works on at a time
inline constexpr int any_width = 4;     ///< channels of a thread of the other kernels

template <class T>
struct backward_pass {
  window w;
  tensor<const T> x, dy;
  tensor<T> dx;
  const float* weights;
  bool accumulate;
  float* partial;  ///< part, tap, channel
  gradient_sums<T> sums;
  pending transform;
  strip_grid grid;
};

/// Line `line` of an image, column `column`, channel c.
template <class T>
__device__ T* element(const tensor<T>& t, int image, int line, int column, int c) {
  return t.data + image * t.image_stride + (std::int64_t{1} * line * t.width + column) * t.pixel_stride + c;
}

/// What a thread keeps for all of its strips of a 3x3 kernel: its weights and their gradients, and the sums.
template <int Width, bool Summed, class T>
struct backward_strip {
  using vector = packed_vector<Width, T>;

  const backward_pass<T>& pass;
  int channel;
  floats<Width> weights[9], gradients[9];
  affine<Width> transform;
  floats<Width> mean;
  floats<2 * Width> sums{};

  __device__ backward_strip(const backward_pass<T>& p, int c) : pass(p), channel(c), transform(p.transform, c) {
#pragma unroll
    for (int i = 0; i < Width; ++i) {
      mean[i] = Summed ? p.sums.mean[c + i] : 0.0f;
#pragma unroll
      for (int t = 0; t < 9; ++t) weights[t][i] = p.weights[t * p.x.channels + c + i], gradients[t][i] = 0.0f;
    }
  }

  __device__ floats<Width> value(const vector& raw, bool inside) const {
    floats<Width> x;
#pragma unroll
    for (int i = 0; i < Width; ++i) x[i] = inside ? transform(raw[i], i) : 0.0f;
    return x;
  }

  /// One tap of one input pixel.
  __device__ void add(int tap, const floats<Width>& x, const vector& dy, floats<Width>& dx) {
#pragma unroll
    for (int i = 0; i < Width; ++i) {
      dx[i] = fmaf(dy[i], weights[tap][i], dx[i]);
      gradients[tap][i] = fmaf(x[i], dy[i], gradients[tap][i]);
    }
  }

  /// Stores the gradient at an input pixel within the image, whose raw value is `raw`.
  __device__ void write(T* to, floats<Width> dx, const vector& raw) {
    if (!pass.dx.data) return;
    if (pass.accumulate) {
      const floats<Width> before = load<Width>(static_cast<const T*>(to));
#pragma unroll
      for (int i = 0; i < Width; ++i) dx[i] += before[i];
    }
    store<Width>(to, dx);
    if constexpr (Summed)
#pragma unroll
      for (int i = 0; i < Width; ++i) {
        const float g = transform.open(raw[i], i) ? to_float(from_float<T>(dx[i])) : 0.0f;
        sums[i] += g;
        sums[Width + i] = fmaf(g, raw[i] - mean[i], sums[Width + i]);
      }
  }
};

/// Stride 1: per line of x one new line of dy; the two before it stay.
template <int Width, bool Summed, class T>
__device__ void walk_dense(backward_strip<Width, Summed, T>& strip, unsigned item) {
  constexpr int inputs = strip_inputs, columns = inputs + 2;
  using vector = packed_vector<Width, T>;
  const backward_pass<T>& pass = strip.pass;
  const strip_grid::place at = pass.grid.at(item);
  const int column = at.strip * inputs;
  const strip_reader<Width, columns, T> gradient(pass.dy, at.image, column + pass.w.pad_left - 2, strip.channel);
  const strip_reader<Width, inputs, T> input(pass.x, at.image, column, strip.channel);
  T* to = element(pass.dx, at.image, at.row, column, strip.channel);
  vector dy[3][columns], raw[inputs];  // dy's lines are row + pad_top - 2, - 1 and - 0
  gradient.read(at.row + pass.w.pad_top - 2, dy[0]);
  gradient.read(at.row + pass.w.pad_top - 1, dy[1]);
  gradient.read(at.row + pass.w.pad_top, dy[2]);
  input.read(at.row, raw);
#pragma unroll 1
  for (int row = at.row; row < at.end; ++row) {
    constexpr bool ahead = sizeof(T) == 2;  // floats would take too many registers
    vector next_dy[columns], next_raw[inputs];
    const bool more = row + 1 < at.end;
    gradient.read(more ? row + 1 + pass.w.pad_top : -1, next_dy);
    if (ahead) input.read(more ? row + 1 : -1, next_raw);
#pragma unroll
    for (int j = 0; j < inputs; ++j) {
      const floats<Width> x = strip.value(raw[j], input.has(j));
      floats<Width> dx{};
#pragma unroll
      for (int t = 0; t < 9; ++t) strip.add(t, x, dy[2 - t / 3][j + 2 - t % 3], dx);
      if (input.has(j)) strip.write(to + j * pass.dx.pixel_stride, dx, raw[j]);
    }
    to += pass.dx.width * pass.dx.pixel_stride;
#pragma unroll
    for (int j = 0; j < columns; ++j) dy[0][j] = dy[1][j], dy[1][j] = dy[2][j], dy[2][j] = next_dy[j];
    if (!ahead) input.read(more ? row + 1 : -1, next_raw);
#pragma unroll
    for (int j = 0; j < inputs; ++j) raw[j] = next_raw[j];
  }
}

/// Stride 2: 2x2 inputs that begin where an output's window does; they look at 2x2 outputs.
template <int Width, bool Summed, class T>
__device__ void walk_strided(backward_strip<Width, Summed, T>& strip, unsigned item) {
  using vector = packed_vector<Width, T>;
  const backward_pass<T>& pass = strip.pass;
  const strip_grid::place at = pass.grid.at(item);
  const int output = at.strip + pass.w.pad_left / 2, column = 2 * output - pass.w.pad_left;
  const int first = at.row + pass.w.pad_top / 2, end = at.end + pass.w.pad_top / 2;
  const strip_reader<Width, 2, T> gradient(pass.dy, at.image, output - 1, strip.channel);
  const strip_reader<Width, 2, T> input(pass.x, at.image, column, strip.channel);
  T* to = element(pass.dx, at.image, 2 * first - pass.w.pad_top, column, strip.channel);
  const std::int64_t line_stride = pass.dx.width * pass.dx.pixel_stride;
  vector dy[2][2], raw[2][2];
  const auto read_inputs = [&](int q, vector(&to)[2][2]) {
    input.read(2 * q - pass.w.pad_top, to[0]);
    input.read(2 * q + 1 - pass.w.pad_top, to[1]);
  };
  gradient.read(first - 1, dy[0]);
  gradient.read(first, dy[1]);
  read_inputs(first, raw);
#pragma unroll 1
  for (int q = first; q < end; ++q) {
    vector next_dy[2], next_raw[2][2];
    gradient.read(q + 1 < end ? q + 1 : -1, next_dy);
    read_inputs(q + 1 < end ? q + 1 : -2, next_raw);
#pragma unroll
    for (int p = 0; p < 4; ++p) {
      const int r = p / 2, j = p % 2, line = 2 * q - pass.w.pad_top + r;
      const bool inside = input.inside(line) && input.has(j);
      const floats<Width> x = strip.value(raw[r][j], inside);
      floats<Width> dx{};
#pragma unroll
      for (int t = 0; t < 9; ++t) {
        const int ky = t / 3, kx = t % 3;
        if (ky % 2 == r && kx % 2 == j) strip.add(t, x, dy[1 - ky / 2][1 - kx / 2], dx);
      }
      if (inside) strip.write(to + r * line_stride + j * pass.dx.pixel_stride, dx, raw[r][j]);
    }
    to += 2 * line_stride;
#pragma unroll
    for (int j = 0; j < 2; ++j) {
      dy[0][j] = dy[1][j], dy[1][j] = next_dy[j];
      raw[0][j] = next_raw[0][j], raw[1][j] = next_raw[1][j];
    }
  }
}

template <int Width, int Stride, bool Summed, class T>
__global__ void __launch_bounds__(block_threads, 2) backward_3x3(const __grid_constant__ backward_pass<T> pass) {
  const int c = own_channel<Width>(), channels = pass.x.channels;
  const bool active = c < channels;
  backward_strip<Width, Summed, T> strip(pass, active ? c : 0);
  if (active)
    each_item<1>(pass.grid.items, [&](auto, unsigned item, unsigned) {
      if constexpr (Stride == 1)
        walk_dense(strip, item);
      else
        walk_strided(strip, item);
    });
  floats<9 * Width> gradients;
#pragma unroll
  for (int i = 0; i < 9 * Width; ++i) gradients[i] = strip.gradients[i / Width][i % Width];
  join_row_sums(gradients);
  if (active && threadIdx.y == 0) {
    float* const to = pass.partial + std::int64_t{blockIdx.x} * 9 * channels + c;
#pragma unroll
    for (int i = 0; i < 9 * Width; ++i) to[i / Width * channels + i % Width] = gradients[i];
  }
  if constexpr (Summed) leave_gradient_sums<Width>(strip.sums, pass.sums.rows, c, active);
}

/// The output that tap k of an input position looks at, or -1.
ODT_HD inline int output_of(int input, int pad, int k, int rate, int stride, int size) {
  const int at = input + pad - k * rate;
  return at >= 0 && at % stride == 0 && at / stride < size ? at / stride : -1;
}

/// Any window: the input's gradient; items are lines of one column of x.
template <int Width, class T>
__global__ void __launch_bounds__(block_threads, 2) backward_data_any(const __grid_constant__ backward_pass<T> pass) {
  const int c = own_channel<Width>(), channel = c < pass.x.channels ? c : 0;
  const bool active = c < pass.x.channels, summed = pass.sums.rows.at != nullptr;
  gradient_adder<Width> adder(pass.sums.z.transform, pass.sums.mean, channel);
  const auto gradient = [&](int image, int row, int column) {
    floats<Width> dx{};
    for (int t = 0; t < pass.w.kernel_height * pass.w.kernel_width; ++t) {
      const int ky = t / pass.w.kernel_width, kx = t - ky * pass.w.kernel_width;
      const int oy = output_of(row, pass.w.pad_top, ky, pass.w.rate, pass.w.stride, pass.dy.height);
      const int ox = output_of(column, pass.w.pad_left, kx, pass.w.rate, pass.w.stride, pass.dy.width);
      if (oy < 0 || ox < 0) continue;
      const floats<Width> dy = load<Width>(element(pass.dy, image, oy, ox, c));
#pragma unroll
      for (int i = 0; i < Width; ++i)
        dx[i] = fmaf(dy[i], pass.weights[std::int64_t{1} * t * pass.x.channels + c + i], dx[i]);
    }
    return dx;
  };
  const auto pixel = [&](int image, int row, int column) {
    T* const to = element(pass.dx, image, row, column, c);
    floats<Width> dx = gradient(image, row, column), before{}, z{};
    if (pass.accumulate) before = load<Width>(static_cast<const T*>(to));
    if (summed) z = load<Width>(element(pass.sums.z.x, image, row, column, c));
#pragma unroll
    for (int i = 0; i < Width; ++i) {
      dx[i] += before[i];
      if (summed) adder.add(to_float(from_float<T>(dx[i])), z[i], i);
    }
    store<Width>(to, dx);
  };
  if (active)
    each_item<1>(pass.grid.items, [&](auto, unsigned item, unsigned) {
      const strip_grid::place at = pass.grid.at(item);
      for (int row = at.row; row < at.end; ++row) pixel(at.image, row, at.strip);
    });
  if (summed) leave_gradient_sums<Width>(adder.sums, pass.sums.rows, c, active);
}

/// Any window: the gradient of the weight of tap blockIdx.z; items are lines of one column of dy.
template <int Width, class T>
__global__ void __launch_bounds__(block_threads, 2)
    backward_weights_any(const __grid_constant__ backward_pass<T> pass) {
  const int c = own_channel<Width>(), channels = pass.x.channels;
  const bool active = c < channels;
  const affine<Width> transform(pass.transform, active ? c : 0);
  const int tap = static_cast<int>(blockIdx.z), ky = tap / pass.w.kernel_width, kx = tap - ky * pass.w.kernel_width;
  floats<Width> sums{};
  const auto pixel = [&](int image, int row, int column) {
    const int iy = row * pass.w.stride - pass.w.pad_top + ky * pass.w.rate;
    const int ix = column * pass.w.stride - pass.w.pad_left + kx * pass.w.rate;
    if (iy < 0 || iy >= pass.x.height || ix < 0 || ix >= pass.x.width) return;
    const floats<Width> x = load<Width>(element(pass.x, image, iy, ix, c));
    const floats<Width> dy = load<Width>(element(pass.dy, image, row, column, c));
#pragma unroll
    for (int i = 0; i < Width; ++i) sums[i] = fmaf(transform(x[i], i), dy[i], sums[i]);
  };
  if (active)
    each_item<1>(pass.grid.items, [&](auto, unsigned item, unsigned) {
      const strip_grid::place at = pass.grid.at(item);
      for (int row = at.row; row < at.end; ++row) pixel(at.image, row, at.strip);
    });
  join_row_sums(sums);
  if (!active || threadIdx.y != 0) return;
  const int taps = pass.w.kernel_height * pass.w.kernel_width;
  float* const to = pass.partial + (std::int64_t{blockIdx.x} * taps + tap) * channels + c;
#pragma unroll
  for (int i = 0; i < Width; ++i) to[i] = sums[i];
}

/// Sums of dy, part blockIdx.x.
template <int Width, class T>
__global__ void __launch_bounds__(block_threads)
    sum_outputs(pixel_array<const T> dy, int channels, unsigned pixels, float* partial) {
  const int c = own_channel<Width>();
  floats<Width> sums{};
  if (c < channels)
    each_item<4>(pixels, [&](auto count, unsigned first, unsigned step) {
      floats<Width> v[count];
#pragma unroll
      for (int u = 0; u < count; ++u) v[u] = load<Width>(dy.at(first + u * step) + c);
#pragma unroll
      for (int u = 0; u < count; ++u)
#pragma unroll
        for (int i = 0; i < Width; ++i) sums[i] += v[u][i];
    });
  join_row_sums(sums);
  if (c >= channels || threadIdx.y != 0) return;
#pragma unroll
  for (int i = 0; i < Width; ++i) partial[std::int64_t{blockIdx.x} * channels + c + i] = sums[i];
}

/// to[i] = the sum over parts of from[part*stride + i], i < count.
__global__ void __launch_bounds__(join_width* join_width)
    join_sums(const float* from, std::int64_t stride, int parts, std::int64_t count, float* to) {
  const std::int64_t i = std::int64_t{1} * blockIdx.x * join_width + threadIdx.x;
  double sums[1];
  sum_parts(parts, i < count, sums, [&](int part, double(&s)[1]) { s[0] += from[part * stride + i]; });
  if (threadIdx.y == 0 && i < count) to[i] = static_cast<float>(sums[0]);
}

void join(cudaStream_t stream, const float* partial, unsigned parts, std::int64_t count, float* to) {
  join_sums<<<join_blocks(count), join_threads(), 0, stream>>>(partial, count, static_cast<int>(parts), count, to);
  check_launch("join_sums");
}

template <class T>
void bias_gradient(cudaStream_t stream, const tensor<const T>& dy, float* partial, float* dbias) {
  with_width<any_width>(
      [&](auto width) {
        const unsigned pixels = checked_count(dy.pixels());
        const launch_shape shape = shape_over(dy.channels, width, pixels);
        sum_outputs<width>
            <<<shape.blocks, shape.threads, 0, stream>>>(pixel_array<const T>(dy), dy.channels, pixels, partial);
        check_launch("sum_outputs");
        join(stream, partial, shape.blocks.x, dy.channels, dbias);
      },
      dy);
}

template <int Stride, class T>
unsigned launch_3x3(cudaStream_t stream, backward_pass<T>& pass) {
  const tensor<const T>& x = pass.x;
  const int rows = Stride == 1 ? x.height : (pass.w.pad_top + x.height - 1) / 2 - pass.w.pad_top / 2 + 1;
  const int strips = Stride == 1 ? (x.width + strip_inputs - 1) / strip_inputs
                                 : (pass.w.pad_left + x.width - 1) / 2 - pass.w.pad_left / 2 + 1;
  pass.grid = strip_grid(x.batch, rows, strips, x.channels / strip_width);
  const launch_shape shape = shape_over(x.channels, strip_width, pass.grid.items);
  if (pass.sums.rows.at)
    backward_3x3<strip_width, Stride, true><<<shape.blocks, shape.threads, 0, stream>>>(pass);
  else
    backward_3x3<strip_width, Stride, false><<<shape.blocks, shape.threads, 0, stream>>>(pass);
  check_launch("depthwise_backward");
  return shape.blocks.x;
}

/// The parts of the weights' gradient and of the sums.
struct part_counts {
  unsigned weights = 0, sums = 0;
};

template <int Width, class T>
part_counts launch_any(cudaStream_t stream, backward_pass<T>& pass) {
  part_counts parts;
  const tensor<const T>&x = pass.x, &dy = pass.dy;
  if (pass.dx.data) {
    pass.grid = strip_grid(x.batch, x.height, x.width, x.channels / Width);
    const launch_shape shape = shape_over(x.channels, Width, pass.grid.items);
    backward_data_any<Width><<<shape.blocks, shape.threads, 0, stream>>>(pass);
    check_launch("depthwise_backward_data");
    parts.sums = shape.blocks.x;
  }
  pass.grid = strip_grid(dy.batch, dy.height, dy.width, dy.channels / Width);
  launch_shape shape = shape_over(dy.channels, Width, pass.grid.items);
  shape.blocks.z = static_cast<unsigned>(pass.w.kernel_height * pass.w.kernel_width);
  backward_weights_any<Width><<<shape.blocks, shape.threads, 0, stream>>>(pass);
  check_launch("depthwise_backward_weights");
  parts.weights = shape.blocks.x;
  return parts;
}

template <class T>
bool all_fit(const backward_pass<T>& pass, int width) {
  return fits(pass.x, width) && fits(pass.dy, width) && (!pass.dx.data || fits(pass.dx, width)) &&
         (!pass.sums.rows.at || fits(pass.sums.z.x, width));
}

/// Whether the sums are wanted of what the layer reads, as between layers of a network.
template <class T>
bool sums_input(const backward_pass<T>& pass) {
  const pending &own = pass.transform, &gate = pass.sums.z.transform;
  return pass.sums.z.x.data == pass.x.data && pass.sums.z.x.pixel_stride == pass.x.pixel_stride &&
         own.scale == gate.scale && own.shift == gate.shift && own.low == gate.low && own.high == gate.high;
}

template <class T>
part_counts launch(cudaStream_t stream, backward_pass<T>& pass) {
  const window& w = pass.w;
  const bool small = w.kernel_height == 3 && w.kernel_width == 3 && w.rate == 1 && (w.stride == 1 || w.stride == 2);
  const bool direct = !pass.sums.rows.at || sums_input(pass);
  if (small && direct && w.pad_top >= 0 && w.pad_left >= 0 && all_fit(pass, strip_width)) {
    const unsigned parts = w.stride == 1 ? launch_3x3<1>(stream, pass) : launch_3x3<2>(stream, pass);
    return {parts, parts};
  }
  return all_fit(pass, any_width) ? launch_any<any_width>(stream, pass) : launch_any<1>(stream, pass);
}

}  // namespace

template <class T>
int depthwise_backward(cudaStream_t stream, const window& w, const reading<T>& x, const tensor<const T>& dy,
                       const float* weights, const tensor<T>& dx, bool accumulate, float* dweights, float* dbias,
                       const gradient_sums<T>& sums, float* scratch) {
  if (dy.channels != x.x.channels) fail("depthwise convolution on CUDA: depth multipliers above 1 are not supported");
  if (dy.pixels() == 0 || x.x.pixels() == 0) return 0;
  backward_pass<T> pass{w, x.x, dy, dx, weights, accumulate, scratch, sums, x.transform, {}};
  if (!dx.data) pass.sums.rows = {};
  const part_counts parts = launch(stream, pass);
  join(stream, scratch, parts.weights, std::int64_t{1} * w.kernel_height * w.kernel_width * dy.channels, dweights);
  if (dbias) bias_gradient(stream, dy, scratch, dbias);
  return pass.sums.rows.at ? static_cast<int>(parts.sums) : 0;
}

template int depthwise_backward(cudaStream_t, const window&, const reading<float>&, const tensor<const float>&,
                                const float*, const tensor<float>&, bool, float*, float*, const gradient_sums<float>&,
                                float*);
template int depthwise_backward(cudaStream_t, const window&, const reading<bf16>&, const tensor<const bf16>&,
                                const float*, const tensor<bf16>&, bool, float*, float*, const gradient_sums<bf16>&,
                                float*);

}  // namespace odt::cuda
