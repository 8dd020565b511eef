// SPDX-License-Identifier: MIT
#include <odt/exec/cuda/machine/error.hpp>
#include <odt/exec/cuda/machine/image_launch.cuh>
#include <odt/exec/cuda/passes/arithmetic.hpp>

#include <algorithm>

namespace odt::cuda {

namespace {

template <class T>
struct pair_pass {
  pixel_array<const T> a, b;
  pixel_array<T> y;
  pending of_a, of_b;
  bool accumulate;
  int channels;
  unsigned pixels;
};

struct sum_of {
  __device__ float operator()(float a, float b, float before) const { return before + (a + b); }
};
struct product_of {
  __device__ float operator()(float a, float b, float before) const { return fmaf(a, b, before); }
};

/// y = combine(a, b, accumulate ? y : 0).
template <int Width, class Combine, class T>
__global__ void __launch_bounds__(block_threads, 2) combine_pixels(const __grid_constant__ pair_pass<T> pass) {
  const int c = own_channel<Width>();
  if (c >= pass.channels) return;
  const affine<Width> of_a(pass.of_a, c), of_b(pass.of_b, c);
  each_pair<Width, pair_unroll<T>>(share_of_grid(pass.pixels), pass.a, pass.b, c,
                                   [&](unsigned pixel, const floats<Width>& a, const floats<Width>& b) {
                                     T* const to = pass.y.at(pixel) + c;
                                     floats<Width> y = load_if<Width>(pass.accumulate, to);
#pragma unroll
                                     for (int i = 0; i < Width; ++i)
                                       y[i] = Combine()(of_a(a[i], i), of_b(b[i], i), y[i]);
                                     store<Width>(to, y);
                                   });
}

template <class Combine, class T>
void combine(cudaStream_t stream, const char* what, const reading<T>& a, const reading<T>& b, const tensor<T>& y,
             bool accumulate) {
  const int pixels = a.x.height * a.x.width;
  const bool spread = b.x.height * b.x.width != pixels;
  const pair_pass<T> pass{pixel_array<const T>(a.x),
                          spread ? repeated(b.x, pixels) : pixel_array<const T>(b.x),
                          pixel_array<T>(y),
                          a.transform,
                          b.transform,
                          accumulate,
                          y.channels,
                          checked_count(y.pixels())};
  if (pass.pixels == 0) return;
  with_width<vector_channels>(
      [&](auto width) {
        const launch_shape shape = shape_over(y.channels, width, pass.pixels, pass_blocks());
        combine_pixels<width, Combine><<<shape.blocks, shape.threads, 0, stream>>>(pass);
        check_launch(what);
      },
      a.x, b.x, y);
}

template <class T>
struct factor_pass {
  reading<T> a;
  tensor<const T> dy;
  tensor<T> db;
  bool accumulate;
};

template <int Width, class T>
__global__ void __launch_bounds__(image_threads) sum_products(const __grid_constant__ factor_pass<T> pass) {
  const int c = own_channel<Width>();
  const bool active = c < pass.db.channels;
  const affine<Width> transform(pass.a.transform, active ? c : 0);
  const image_share own(pass.dy, 1);
  floats<Width> sum{};
  if (active)
    each_pair<Width, pair_unroll<T>>(own.pixels, image_pixels(pass.a.x, own.image), image_pixels(pass.dy, own.image), c,
                                     [&](unsigned, const floats<Width>& a, const floats<Width>& dy) {
#pragma unroll
                                       for (int i = 0; i < Width; ++i) sum[i] = fmaf(transform(a[i], i), dy[i], sum[i]);
                                     });
  join_row_sums<image_threads>(sum);
  if (!active || threadIdx.y != 0) return;
  T* const to = image_pixels(pass.db, own.image).data + c;
  const floats<Width> before = load_if<Width>(pass.accumulate, to);
#pragma unroll
  for (int i = 0; i < Width; ++i) sum[i] += before[i];
  store<Width>(to, sum);
}

template <int Width>
__global__ void __launch_bounds__(block_threads) add_numbers(const float* from, float* to, std::int64_t vectors) {
  const std::int64_t step = std::int64_t{gridDim.x} * blockDim.x;
  for (std::int64_t i = std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x; i < vectors; i += step) {
    const floats<Width> more = load<Width>(from + Width * i);
    floats<Width> sum = load<Width>(static_cast<const float*>(to) + Width * i);
#pragma unroll
    for (int k = 0; k < Width; ++k) sum[k] += more[k];
    store<Width>(to + Width * i, sum);
  }
}

}  // namespace

template <class T>
void add(cudaStream_t stream, const reading<T>& a, const reading<T>& b, const tensor<T>& y) {
  combine<sum_of>(stream, "add", a, b, y, false);
}

template <class T>
void multiply(cudaStream_t stream, const reading<T>& a, const reading<T>& b, const tensor<T>& y, bool accumulate) {
  combine<product_of>(stream, "multiply", a, b, y, accumulate);
}

template <class T>
void multiply_and_sum(cudaStream_t stream, const reading<T>& a, const tensor<const T>& dy, const tensor<T>& db,
                      bool accumulate) {
  if (dy.pixels() == 0) return;
  const factor_pass<T> pass{a, dy, db, accumulate};
  with_width<vector_channels>(
      [&](auto width) {
        const launch_shape shape = image_launch(dy, width, 1, image_threads).shape;
        sum_products<width><<<shape.blocks, shape.threads, 0, stream>>>(pass);
        check_launch("multiply_and_sum");
      },
      a.x, dy, db);
}

void add_floats(cudaStream_t stream, const float* from, float* to, std::int64_t count) {
  if (count == 0) return;
  const bool aligned = count % 4 == 0 && reinterpret_cast<std::uintptr_t>(from) % 16 == 0 &&
                       reinterpret_cast<std::uintptr_t>(to) % 16 == 0;
  const std::int64_t vectors = aligned ? count / 4 : count;
  const auto blocks =
      static_cast<unsigned>(std::min<std::int64_t>((vectors + block_threads - 1) / block_threads, pass_blocks()));
  if (aligned)
    add_numbers<4><<<blocks, block_threads, 0, stream>>>(from, to, vectors);
  else
    add_numbers<1><<<blocks, block_threads, 0, stream>>>(from, to, vectors);
  check_launch("add_floats");
}

#define ODT_INSTANTIATE(T)                                                                            \
  template void add(cudaStream_t, const reading<T>&, const reading<T>&, const tensor<T>&);            \
  template void multiply(cudaStream_t, const reading<T>&, const reading<T>&, const tensor<T>&, bool); \
  template void multiply_and_sum(cudaStream_t, const reading<T>&, const tensor<const T>&, const tensor<T>&, bool);
ODT_INSTANTIATE(float)
ODT_INSTANTIATE(bf16)
#undef ODT_INSTANTIATE

}  // namespace odt::cuda
