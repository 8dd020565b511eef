// SPDX-License-Identifier: MIT
#include <odt/exec/cuda/convolution/packing.hpp>
#include <odt/exec/cuda/machine/error.hpp>
#include <odt/exec/cuda/machine/fast_division.hpp>
#include <odt/exec/cuda/machine/vectors.cuh>

#include <algorithm>

namespace odt::cuda {

namespace {

constexpr int threads = 256;

unsigned blocks_for(std::int64_t items) {
  return static_cast<unsigned>(std::clamp<std::int64_t>((items + threads - 1) / threads, 1, 1 << 20));
}

/// Calls body(i) for the items of this thread.
template <class Body>
__device__ void each_item(std::int64_t count, const Body& body) {
  const std::int64_t step = std::int64_t{1} * gridDim.x * blockDim.x;
  for (std::int64_t i = std::int64_t{1} * blockIdx.x * blockDim.x + threadIdx.x; i < count; i += step) body(i);
}

__device__ float weight_at(const packing& p, const float* variables, int row, int column) {
  if (row >= p.of.rows || column >= p.of.columns) return 0;
  if (p.of.multiplier == 0) return variables[p.from + std::int64_t{row} * p.of.columns + column];
  const int inputs = p.of.columns / p.of.multiplier;
  if (column / p.of.multiplier != row % inputs) return 0;
  return variables[p.from + std::int64_t{row} * p.of.multiplier + column % p.of.multiplier];
}

template <class T>
__global__ __launch_bounds__(threads) void pack(const packing* what, const float* variables, T* to) {
  const packing p = what[blockIdx.y];
  const auto vectors = static_cast<int>(packed(p.of.columns) / 8);
  each_item(packed(p.of.rows) * vectors, [&](std::int64_t i) {
    const auto row = static_cast<int>(i / vectors), column = static_cast<int>(i % vectors) * 8;
    floats<8> v;
    if (p.of.multiplier == 0 && p.of.columns % 8 == 0 && row < p.of.rows) {
      v = load<8>(variables + p.from + i * 8);
    } else {
#pragma unroll
      for (int k = 0; k < 8; ++k) v[k] = weight_at(p, variables, row, column + k);
    }
    store<8>(to + p.to + row * p.stride + column, v);
  });
}

/// The columns of `first`, up to `split`, and those of `second`.
template <class T>
__global__ __launch_bounds__(threads) void pad(tensor<const float> first, tensor<const float> second, int split,
                                               fast_division image_pixels, fast_division vectors, std::int64_t count,
                                               T* to) {
  each_item(count, [&](std::int64_t i) {
    const int pixel = vectors.quotient(static_cast<int>(i)),
              of_both = vectors.remainder(static_cast<int>(i), pixel) * 8;
    const int image = image_pixels.quotient(pixel);
    const tensor<const float>& from = of_both < split ? first : second;
    const int column = of_both < split ? of_both : of_both - split;
    const float* const at =
        from.data + image * from.image_stride + image_pixels.remainder(pixel, image) * from.pixel_stride + column;
    floats<8> v;
#pragma unroll
    for (int k = 0; k < 8; ++k) v[k] = column + k < from.channels ? at[k] : 0.0f;
    store<8>(to + i * 8, v);
  });
}

/// Geometry of the patches.
struct patches {
  window w;
  fast_division image_pixels, width, channels, kernel_width, vectors;
  int columns;
};

/// Eight columns of a patch a thread.
template <class T>
__global__ __launch_bounds__(threads) void cut_patches(tensor<const float> images, patches p, std::int64_t count,
                                                       T* to) {
  each_item(count, [&](std::int64_t i) {
    const auto row = static_cast<int>(i / p.vectors.divisor());
    const int first = static_cast<int>(i % p.vectors.divisor()) * 8;
    const int image = p.image_pixels.quotient(row), pixel = p.image_pixels.remainder(row, image);
    const int oy = p.width.quotient(pixel), ox = p.width.remainder(pixel, oy);
    const int top = oy * p.w.stride - p.w.pad_top, left = ox * p.w.stride - p.w.pad_left;
    const float* const from = images.data + image * images.image_stride;
    floats<8> v;
#pragma unroll
    for (int k = 0; k < 8; ++k) {
      const int column = first + k, tap = p.channels.quotient(column), ky = p.kernel_width.quotient(tap);
      const int y = top + ky * p.w.rate, x = left + p.kernel_width.remainder(tap, ky) * p.w.rate;
      const bool inside = column < p.columns && y >= 0 && y < images.height && x >= 0 && x < images.width;
      v[k] =
          inside
              ? from[(std::int64_t{1} * y * images.width + x) * images.pixel_stride + p.channels.remainder(column, tap)]
              : 0.0f;
    }
    store<8>(to + i * 8, v);
  });
}

}  // namespace

template <class T>
void pack_weights(cudaStream_t stream, const packing* what, int count, const float* variables, T* to) {
  if (count == 0) return;
  pack<<<dim3(16, static_cast<unsigned>(count)), threads, 0, stream>>>(what, variables, to);
  check_launch("pack_weights");
}

template <class T>
void pad_channels(cudaStream_t stream, const tensor<const float>& first, const tensor<const float>& second, T* to) {
  const int split = static_cast<int>(packed(first.channels)),
            columns = split + static_cast<int>(packed(second.channels));
  const std::int64_t count = first.pixels() * (columns / 8);
  pad<<<blocks_for(count), threads, 0, stream>>>(first, second, split, fast_division(first.height * first.width),
                                                 fast_division(columns / 8), count, to);
  check_launch("pad_channels");
}

template <class T>
void make_patches(cudaStream_t stream, const window& w, const tensor<const float>& images, int out_height,
                  int out_width, T* to) {
  const int columns = w.kernel_height * w.kernel_width * images.channels;
  const patches p{w,
                  fast_division(out_height * out_width),
                  fast_division(out_width),
                  fast_division(images.channels),
                  fast_division(w.kernel_width),
                  fast_division(static_cast<int>(packed(columns) / 8)),
                  columns};
  const std::int64_t count = std::int64_t{1} * images.batch * out_height * out_width * p.vectors.divisor();
  cut_patches<<<blocks_for(count), threads, 0, stream>>>(images, p, count, to);
  check_launch("make_patches");
}

#define ODT_INSTANTIATE(T)                                                                              \
  template void pack_weights(cudaStream_t, const packing*, int, const float*, T*);                      \
  template void pad_channels(cudaStream_t, const tensor<const float>&, const tensor<const float>&, T*); \
  template void make_patches(cudaStream_t, const window&, const tensor<const float>&, int, int, T*);
ODT_INSTANTIATE(float)
ODT_INSTANTIATE(bf16)
#undef ODT_INSTANTIATE

}  // namespace odt::cuda
