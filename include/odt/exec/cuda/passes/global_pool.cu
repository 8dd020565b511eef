// SPDX-License-Identifier: MIT
#include <odt/exec/cuda/machine/error.hpp>
#include <odt/exec/cuda/machine/image_launch.cuh>
#include <odt/exec/cuda/passes/global_pool.hpp>

namespace odt::cuda {

namespace {

template <int Width, class T>
__global__ void __launch_bounds__(image_threads) average_image(const __grid_constant__ reading<T> x, tensor<T> y) {
  const int c = own_channel<Width>();
  const bool active = c < y.channels;
  const affine<Width> transform(x.transform, active ? c : 0);
  const image_share own(x.x, 1);
  floats<Width> sum{};
  if (active)
    each_vector<Width>(own.pixels, image_pixels(x.x, own.image), c, [&](unsigned, const floats<Width>& v) {
#pragma unroll
      for (int i = 0; i < Width; ++i) sum[i] += transform(v[i], i);
    });
  join_row_sums<image_threads>(sum);
  if (!active || threadIdx.y != 0) return;
#pragma unroll
  for (int i = 0; i < Width; ++i) sum[i] /= static_cast<float>(own.pixels.count);
  store<Width>(image_pixels(y, own.image).data + c, sum);
}

template <class T>
struct backward_pass {
  pixel_array<const T> dy;  ///< repeated
  pixel_array<T> dx;
  float share;
  bool accumulate;
  int channels;
  unsigned pixels;
};

template <int Width, class T>
__global__ void __launch_bounds__(block_threads) spread_gradients(backward_pass<T> pass) {
  const int c = own_channel<Width>();
  if (c >= pass.channels) return;
  each_vector<Width>(share_of_grid(pass.pixels), pass.dy, c, [&](unsigned pixel, const floats<Width>& dy) {
    T* const to = pass.dx.at(pixel) + c;
    floats<Width> dx = load_if<Width>(pass.accumulate, to);
#pragma unroll
    for (int i = 0; i < Width; ++i) dx[i] += dy[i] * pass.share;
    store<Width>(to, dx);
  });
}

}  // namespace

template <class T>
void global_pool(cudaStream_t stream, const reading<T>& x, const tensor<T>& y) {
  if (x.x.pixels() == 0) return;
  with_width<vector_channels>(
      [&](auto width) {
        const launch_shape shape = image_launch(x.x, width, 1, image_threads).shape;
        average_image<width><<<shape.blocks, shape.threads, 0, stream>>>(x, y);
        check_launch("global_pool");
      },
      x.x, y);
}

template <class T>
void global_pool_backward(cudaStream_t stream, const tensor<const T>& dy, const tensor<T>& dx, bool accumulate) {
  const int pixels = dx.height * dx.width;
  const backward_pass<T> pass{repeated(dy, pixels), pixel_array<T>(dx), 1.0f / static_cast<float>(pixels),
                              accumulate,           dx.channels,        checked_count(dx.pixels())};
  if (pass.pixels == 0) return;
  with_width<vector_channels>(
      [&](auto width) {
        const launch_shape shape = shape_over(dx.channels, width, pass.pixels, pass_blocks());
        spread_gradients<width><<<shape.blocks, shape.threads, 0, stream>>>(pass);
        check_launch("global_pool_backward");
      },
      dy, dx);
}

#define ODT_INSTANTIATE(T)                                                      \
  template void global_pool(cudaStream_t, const reading<T>&, const tensor<T>&); \
  template void global_pool_backward(cudaStream_t, const tensor<const T>&, const tensor<T>&, bool);
ODT_INSTANTIATE(float)
ODT_INSTANTIATE(bf16)
#undef ODT_INSTANTIATE

}  // namespace odt::cuda
