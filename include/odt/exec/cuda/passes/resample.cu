// SPDX-License-Identifier: MIT
#include <odt/exec/cuda/machine/error.hpp>
#include <odt/exec/cuda/machine/pixel_grid.cuh>
#include <odt/exec/cuda/passes/resample.hpp>

namespace odt::cuda {

namespace {

template <class T>
struct forward_pass {
  tensor<const T> x;
  pixel_array<T> y;
  pending transform;
  fast_division factor;
  pixel_grid grid;  ///< of y
};

template <int Width, class T>
__global__ void __launch_bounds__(block_threads) repeat_pixels(const __grid_constant__ forward_pass<T> pass) {
  const int c = own_channel<Width>();
  if (c >= pass.x.channels) return;
  const affine<Width> transform(pass.transform, c);
  each_item<4>(pass.grid.pixels, [&](auto count, unsigned first, unsigned step) {
    floats<Width> x[count];
#pragma unroll
    for (int u = 0; u < count; ++u) {
      const pixel_grid::place at = pass.grid.at(first + u * step);
      x[u] = load<Width>(element(pass.x, at.n, pass.factor.quotient(at.y), pass.factor.quotient(at.x), c));
    }
#pragma unroll
    for (int u = 0; u < count; ++u) {
#pragma unroll
      for (int i = 0; i < Width; ++i) x[u][i] = transform(x[u][i], i);
      store<Width>(pass.y.at(first + u * step) + c, x[u]);
    }
  });
}

template <class T>
struct backward_pass {
  tensor<const T> dy;
  tensor<T> dx;
  int factor;
  bool accumulate;
  pixel_grid grid;  ///< of dx
};

template <int Width, class T>
__global__ void __launch_bounds__(block_threads) sum_repeated(const __grid_constant__ backward_pass<T> pass) {
  const int c = own_channel<Width>();
  if (c >= pass.dx.channels) return;
  each_item<1>(pass.grid.pixels, [&](auto, unsigned pixel, unsigned) {
    const pixel_grid::place at = pass.grid.at(pixel);
    const int top = at.y * pass.factor, bottom = std::min(top + pass.factor, pass.dy.height);
    const int left = at.x * pass.factor, right = std::min(left + pass.factor, pass.dy.width);
    T* const to = element(pass.dx, at.n, at.y, at.x, c);
    floats<Width> sum{};
    if (pass.accumulate) sum = load<Width>(static_cast<const T*>(to));
    const T* row = element(pass.dy, at.n, top, left, c);
    for (int y = top; y < bottom; ++y, row += pass.dy.width * pass.dy.pixel_stride) {
      const T* from = row;
      for (int x = left; x < right; ++x, from += pass.dy.pixel_stride) {
        const floats<Width> dy = load<Width>(from);
#pragma unroll
        for (int i = 0; i < Width; ++i) sum[i] += dy[i];
      }
    }
    store<Width>(to, sum);
  });
}

}  // namespace

template <class T>
void upsample(cudaStream_t stream, int factor, const reading<T>& x, const tensor<T>& y) {
  if (y.pixels() == 0) return;
  const forward_pass<T> pass{x.x, pixel_array<T>(y), x.transform, fast_division(factor), pixel_grid(y)};
  with_width<vector_channels>(
      [&](auto width) {
        const launch_shape shape = shape_over(y.channels, width, pass.grid.pixels, pass_blocks());
        repeat_pixels<width><<<shape.blocks, shape.threads, 0, stream>>>(pass);
        check_launch("upsample");
      },
      x.x, y);
}

template <class T>
void upsample_backward(cudaStream_t stream, int factor, const tensor<const T>& dy, const tensor<T>& dx,
                       bool accumulate) {
  if (dx.pixels() == 0) return;
  const backward_pass<T> pass{dy, dx, factor, accumulate, pixel_grid(dx)};
  with_width<vector_channels>(
      [&](auto width) {
        const launch_shape shape = shape_over(dx.channels, width, pass.grid.pixels, pass_blocks());
        sum_repeated<width><<<shape.blocks, shape.threads, 0, stream>>>(pass);
        check_launch("upsample_backward");
      },
      dy, dx);
}

#define ODT_INSTANTIATE(T)                                                        \
  template void upsample(cudaStream_t, int, const reading<T>&, const tensor<T>&); \
  template void upsample_backward(cudaStream_t, int, const tensor<const T>&, const tensor<T>&, bool);
ODT_INSTANTIATE(float)
ODT_INSTANTIATE(bf16)
#undef ODT_INSTANTIATE

}  // namespace odt::cuda
