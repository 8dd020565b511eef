// SPDX-License-Identifier: MIT
#include <odt/exec/cuda/machine/error.hpp>
#include <odt/exec/cuda/machine/pixel_grid.cuh>
#include <odt/exec/cuda/passes/pool.hpp>

#include <limits>

namespace odt::cuda {

namespace {

/// Positions [begin, end).
struct span {
  int begin, end;
  ODT_HD int size() const { return end > begin ? end - begin : 0; }
};

/// The inputs that an output looks at.
ODT_HD inline span inputs_of(int output, int stride, int pad, int kernel, int size) {
  const int first = output * stride - pad, end = first + kernel;
  return {first > 0 ? first : 0, end < size ? end : size};
}

/// The outputs that look at an input.
ODT_HD inline span outputs_of(int input, int stride, int pad, int kernel, int size) {
  if (input + pad < 0) return {0, 0};
  const int last = (input + pad) / stride, before = input + pad - kernel;
  return {before < 0 ? 0 : before / stride + 1, last + 1 < size ? last + 1 : size};
}

template <class T>
struct forward_pass {
  window w;
  tensor<const T> x;
  tensor<T> y;
  pending transform;
  pixel_grid grid;  ///< of y
  std::uint8_t* taps;
};

/// body(input's address, tap) for the inputs within the image that an output looks at, in order. Size: the kernel's if
/// it is square and known, else 0.
template <int Size, class T, class Body>
__device__ void each_tap(const forward_pass<T>& pass, const pixel_grid::place& at, int c, const Body& body) {
  const int top = at.y * pass.w.stride - pass.w.pad_top, left = at.x * pass.w.stride - pass.w.pad_left;
  const auto tap = [&](int ky, int kx, int number) {
    const int iy = top + ky, ix = left + kx;
    if (iy >= 0 && iy < pass.x.height && ix >= 0 && ix < pass.x.width) body(element(pass.x, at.n, iy, ix, c), number);
  };
  if constexpr (Size > 0) {
#pragma unroll
    for (int t = 0; t < Size * Size; ++t) tap(t / Size, t % Size, t);
  } else {
    for (int ky = 0; ky < pass.w.kernel_height; ++ky)
      for (int kx = 0; kx < pass.w.kernel_width; ++kx) tap(ky, kx, ky * pass.w.kernel_width + kx);
  }
}

template <int Width, int Size, class T>
__global__ void __launch_bounds__(block_threads) max_forward(const __grid_constant__ forward_pass<T> pass) {
  const int c = own_channel<Width>();
  if (c >= pass.y.channels) return;
  const affine<Width> transform(pass.transform, c);
  each_item<1>(pass.grid.pixels, [&](auto, unsigned pixel, unsigned) {
    const pixel_grid::place at = pass.grid.at(pixel);
    floats<Width> best;
#pragma unroll
    for (int i = 0; i < Width; ++i) best[i] = -std::numeric_limits<float>::infinity();
    each_tap<Size>(pass, at, c, [&](const T* from, int) {
      const floats<Width> x = load<Width>(from);
#pragma unroll
      for (int i = 0; i < Width; ++i) best[i] = max_nan(best[i], transform(x[i], i));
    });
    store<Width>(element(pass.y, at.n, at.y, at.x, c), best);
  });
}

/// The tap of the first of the largest values of each window, as a byte an element of y, which is dense here.
template <int Width, int Size, class T>
__global__ void __launch_bounds__(block_threads) find_max(const __grid_constant__ forward_pass<T> pass) {
  const int c = own_channel<Width>();
  if (c >= pass.y.channels) return;
  const affine<Width> transform(pass.transform, c);
  each_item<1>(pass.grid.pixels, [&](auto, unsigned pixel, unsigned) {
    floats<Width> best;
    int chosen[Width];
#pragma unroll
    for (int i = 0; i < Width; ++i) best[i] = -std::numeric_limits<float>::infinity(), chosen[i] = -1;
    each_tap<Size>(pass, pass.grid.at(pixel), c, [&](const T* from, int tap) {
      const floats<Width> x = load<Width>(from);
#pragma unroll
      for (int i = 0; i < Width; ++i) {
        const float value = transform(x[i], i);
        if (chosen[i] < 0 || value > best[i]) chosen[i] = tap;
        if (value > best[i]) best[i] = value;
      }
    });
    std::uint8_t* const to = pass.taps + std::int64_t{pixel} * pass.y.channels + c;
    if constexpr (Width == 8) {
      unsigned words[2] = {};
#pragma unroll
      for (int i = 0; i < 8; ++i) words[i / 4] |= static_cast<unsigned>(chosen[i] & 255) << (8 * (i % 4));
      *reinterpret_cast<uint2*>(to) = {words[0], words[1]};
    } else {
#pragma unroll
      for (int i = 0; i < Width; ++i) to[i] = static_cast<std::uint8_t>(chosen[i]);
    }
  });
}

template <int Width, int Size, class T>
__global__ void __launch_bounds__(block_threads) avg_forward(const __grid_constant__ forward_pass<T> pass) {
  const int c = own_channel<Width>();
  if (c >= pass.y.channels) return;
  const affine<Width> transform(pass.transform, c);
  each_item<1>(pass.grid.pixels, [&](auto, unsigned pixel, unsigned) {
    const pixel_grid::place at = pass.grid.at(pixel);
    floats<Width> sum{};
    int count = 0;
    each_tap<Size>(pass, at, c, [&](const T* from, int) {
      const floats<Width> x = load<Width>(from);
      ++count;
#pragma unroll
      for (int i = 0; i < Width; ++i) sum[i] += transform(x[i], i);
    });
    const auto divisor = static_cast<float>(count > 0 ? count : 1);
#pragma unroll
    for (int i = 0; i < Width; ++i) sum[i] /= divisor;
    store<Width>(element(pass.y, at.n, at.y, at.x, c), sum);
  });
}

template <class T>
struct backward_pass {
  window w;
  tensor<const T> dy;
  tensor<T> dx;
  bool accumulate;
  pixel_grid grid;  ///< of dx
  const std::uint8_t* taps;
};

/// body(oy, ox) for the outputs that look at an input, in order.
template <class T, class Body>
__device__ void each_output(const backward_pass<T>& pass, const pixel_grid::place& at, const Body& body) {
  const window& w = pass.w;
  const span rows = outputs_of(at.y, w.stride, w.pad_top, w.kernel_height, pass.dy.height);
  const span columns = outputs_of(at.x, w.stride, w.pad_left, w.kernel_width, pass.dy.width);
  for (int oy = rows.begin; oy < rows.end; ++oy)
    for (int ox = columns.begin; ox < columns.end; ++ox) body(oy, ox);
}

template <int Width>
__device__ void read_taps(const std::uint8_t* from, int (&taps)[Width]) {
  if constexpr (Width == 8) {
    const uint2 words = *reinterpret_cast<const uint2*>(from);
#pragma unroll
    for (int i = 0; i < 8; ++i) taps[i] = static_cast<int>((i < 4 ? words.x : words.y) >> (8 * (i % 4)) & 255);
  } else {
#pragma unroll
    for (int i = 0; i < Width; ++i) taps[i] = from[i];
  }
}

/// Gathers, for every input, the gradients of the outputs that chose it.
template <int Width, class T>
__global__ void __launch_bounds__(block_threads) max_backward(const __grid_constant__ backward_pass<T> pass) {
  const int c = own_channel<Width>();
  if (c >= pass.dx.channels) return;
  const window& w = pass.w;
  each_item<1>(pass.grid.pixels, [&](auto, unsigned pixel, unsigned) {
    const pixel_grid::place at = pass.grid.at(pixel);
    T* const to = element(pass.dx, at.n, at.y, at.x, c);
    floats<Width> sum{};
    if (pass.accumulate) sum = load<Width>(static_cast<const T*>(to));
    each_output(pass, at, [&](int oy, int ox) {
      const int ky = at.y + w.pad_top - oy * w.stride, kx = at.x + w.pad_left - ox * w.stride;
      const std::int64_t output = (std::int64_t{1} * at.n * pass.dy.height + oy) * pass.dy.width + ox;
      const floats<Width> dy = load<Width>(element(pass.dy, at.n, oy, ox, c));
      int taps[Width];
      read_taps(pass.taps + output * pass.dy.channels + c, taps);
#pragma unroll
      for (int i = 0; i < Width; ++i)
        if (taps[i] == ky * w.kernel_width + kx) sum[i] += dy[i];
    });
    store<Width>(to, sum);
  });
}

template <int Width, class T>
__global__ void __launch_bounds__(block_threads) avg_backward(const __grid_constant__ backward_pass<T> pass) {
  const int c = own_channel<Width>();
  if (c >= pass.dx.channels) return;
  const window& w = pass.w;
  each_item<1>(pass.grid.pixels, [&](auto, unsigned pixel, unsigned) {
    const pixel_grid::place at = pass.grid.at(pixel);
    T* const to = element(pass.dx, at.n, at.y, at.x, c);
    floats<Width> sum{};
    if (pass.accumulate) sum = load<Width>(static_cast<const T*>(to));
    each_output(pass, at, [&](int oy, int ox) {
      const span rows = inputs_of(oy, w.stride, w.pad_top, w.kernel_height, pass.dx.height);
      const span columns = inputs_of(ox, w.stride, w.pad_left, w.kernel_width, pass.dx.width);
      const float share = 1.0f / static_cast<float>(rows.size() * columns.size());
      const floats<Width> dy = load<Width>(element(pass.dy, at.n, oy, ox, c));
#pragma unroll
      for (int i = 0; i < Width; ++i) sum[i] += dy[i] * share;
    });
    store<Width>(to, sum);
  });
}

/// Blocks of passes that keep no sums.
int pass_blocks() { return 8 * resident_blocks(); }

/// body(integral constant: the size of a square kernel that the kernels unroll, else 0).
template <class Body>
void with_size(const window& w, const Body& body) {
  const bool square = w.kernel_height == w.kernel_width;
  if (square && w.kernel_width == 3)
    body(std::integral_constant<int, 3>{});
  else if (square && w.kernel_width == 2)
    body(std::integral_constant<int, 2>{});
  else
    body(std::integral_constant<int, 0>{});
}

/// launch(integral constant: channels a thread, that of with_size, shape) over the pixels of y.
template <class T, class Launch>
void over_outputs(const forward_pass<T>& pass, const Launch& launch) {
  if (pass.grid.pixels == 0) return;
  with_width<vector_channels>(
      [&](auto width) {
        const launch_shape shape = shape_over(pass.y.channels, width, pass.grid.pixels, pass_blocks());
        with_size(pass.w, [&](auto size) { launch(width, size, shape); });
      },
      pass.x, pass.y);
}

/// launch(integral constant: channels a thread, shape) over the pixels of dx.
template <class T, class Launch>
void over_inputs(const backward_pass<T>& pass, const Launch& launch) {
  with_width<vector_channels>(
      [&](auto width) { launch(width, shape_over(pass.dx.channels, width, pass.grid.pixels, pass_blocks())); }, pass.dy,
      pass.dx);
}

}  // namespace

template <class T>
void max_pool_forward(cudaStream_t stream, const window& w, const reading<T>& x, const tensor<T>& y) {
  const forward_pass<T> pass{w, x.x, y, x.transform, pixel_grid(y), nullptr};
  over_outputs(pass, [&](auto width, auto size, const launch_shape& shape) {
    max_forward<width, size><<<shape.blocks, shape.threads, 0, stream>>>(pass);
    check_launch("max_pool_forward");
  });
}

template <class T>
void max_pool_backward(cudaStream_t stream, const window& w, const reading<T>& x, const tensor<const T>& dy,
                       const tensor<T>& dx, bool accumulate, std::uint8_t* scratch) {
  if (w.kernel_height * w.kernel_width > 256) fail("max pooling on CUDA: windows of more than 256 taps");
  if (dx.pixels() == 0) return;
  const tensor<T> dense{nullptr,
                        dy.batch,
                        dy.height,
                        dy.width,
                        dy.channels,
                        dy.channels,
                        std::int64_t{1} * dy.height * dy.width * dy.channels};
  const forward_pass<T> search{w, x.x, dense, x.transform, pixel_grid(dy), scratch};
  over_outputs(search, [&](auto width, auto size, const launch_shape& shape) {
    find_max<width, size><<<shape.blocks, shape.threads, 0, stream>>>(search);
    check_launch("max_pool_backward: find_max");
  });
  const backward_pass<T> pass{w, dy, dx, accumulate, pixel_grid(dx), scratch};
  over_inputs(pass, [&](auto width, const launch_shape& shape) {
    max_backward<width><<<shape.blocks, shape.threads, 0, stream>>>(pass);
    check_launch("max_pool_backward");
  });
}

template <class T>
void avg_pool_forward(cudaStream_t stream, const window& w, const reading<T>& x, const tensor<T>& y) {
  const forward_pass<T> pass{w, x.x, y, x.transform, pixel_grid(y), nullptr};
  over_outputs(pass, [&](auto width, auto size, const launch_shape& shape) {
    avg_forward<width, size><<<shape.blocks, shape.threads, 0, stream>>>(pass);
    check_launch("avg_pool_forward");
  });
}

template <class T>
void avg_pool_backward(cudaStream_t stream, const window& w, const tensor<const T>& dy, const tensor<T>& dx,
                       bool accumulate) {
  if (dx.pixels() == 0) return;
  const backward_pass<T> pass{w, dy, dx, accumulate, pixel_grid(dx), nullptr};
  over_inputs(pass, [&](auto width, const launch_shape& shape) {
    avg_backward<width><<<shape.blocks, shape.threads, 0, stream>>>(pass);
    check_launch("avg_pool_backward");
  });
}

#define ODT_INSTANTIATE(T)                                                                                \
  template void max_pool_forward(cudaStream_t, const window&, const reading<T>&, const tensor<T>&);       \
  template void max_pool_backward(cudaStream_t, const window&, const reading<T>&, const tensor<const T>&, \
                                  const tensor<T>&, bool, std::uint8_t*);                                 \
  template void avg_pool_forward(cudaStream_t, const window&, const reading<T>&, const tensor<T>&);       \
  template void avg_pool_backward(cudaStream_t, const window&, const tensor<const T>&, const tensor<T>&, bool);
ODT_INSTANTIATE(float)
ODT_INSTANTIATE(bf16)
#undef ODT_INSTANTIATE

}  // namespace odt::cuda
