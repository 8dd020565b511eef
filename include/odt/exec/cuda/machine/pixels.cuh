// SPDX-License-Identifier: MIT
// How kernels walk over pixels: a thread keeps its vector of channels, rows of a block and the blocks share the pixels;
// sums over pixels are joined in an order that follows from the shape alone.
#pragma once

#include <odt/core/error.hpp>
#include <odt/exec/cuda/machine/device.hpp>
#include <odt/exec/cuda/machine/fast_division.hpp>
#include <odt/exec/cuda/machine/vectors.cuh>

#include <algorithm>
#include <type_traits>

namespace odt::cuda {

inline constexpr int block_threads = 256;
inline constexpr int most_lanes = 32;  ///< threads of a block that lie side by side in the channels
inline constexpr int join_width = 32;  ///< channels and part lanes of a block that joins parts

/// Blocks that run at once.
inline int resident_blocks() { return resident_blocks(multiprocessors()); }

/// Blocks of passes that keep no sums.
inline int pass_blocks() { return 4 * resident_blocks(); }

/// Threads: x over vectors of channels, y over pixels. Blocks: x over pixels, y over channels.
struct launch_shape {
  dim3 blocks, threads;
};

/// A launch over `items` (pixels, strips, ...) of all channels; `most` blocks at most, if the channels allow.
inline launch_shape shape_over(int channels, int width, std::int64_t items, int most = resident_blocks(),
                               int threads = block_threads) {
  const int vectors = (channels + width - 1) / width;
  const int columns = (vectors + most_lanes - 1) / most_lanes;
  const int lanes = (vectors + columns - 1) / columns, rows = threads / lanes;
  const std::int64_t wanted = (items + rows - 1) / rows, limit = std::max(1, most / columns);
  const auto parts = static_cast<unsigned>(std::clamp<std::int64_t>(wanted, 1, limit));
  return {{parts, static_cast<unsigned>(columns)}, {static_cast<unsigned>(lanes), static_cast<unsigned>(rows)}};
}

/// Whether vectors of `width` channels lie aligned.
template <class T>
bool fits(const tensor<T>& t, int width) {
  const auto bytes = static_cast<std::uintptr_t>(std::min<std::size_t>(16, width * sizeof(T)));
  return t.channels % width == 0 && t.pixel_stride % width == 0 && t.image_stride % width == 0 &&
         reinterpret_cast<std::uintptr_t>(t.data) % bytes == 0;
}

/// body(integral constant: `Width` where all tensors fit, else 1).
template <int Width, class Body, class... Tensors>
void with_width(const Body& body, const Tensors&... tensors) {
  if ((fits(tensors, Width) && ...))
    body(std::integral_constant<int, Width>{});
  else
    body(std::integral_constant<int, 1>{});
}

/// The number of pixels, or items, of a launch.
inline unsigned checked_count(std::int64_t count) {
  if (count >= (std::int64_t{1} << 31)) fail("a tensor of ", count, " pixels: at most 2^31 - 1 are supported");
  return static_cast<unsigned>(count);
}

/// A tensor addressed by the number of a pixel.
template <class T>
struct pixel_array {
  T* data = nullptr;
  std::int64_t pixel_stride = 0, image_stride = 0;
  fast_division image_pixels{};

  pixel_array() = default;
  explicit pixel_array(const tensor<T>& t)
      : data(t.data),
        pixel_stride(t.pixel_stride),
        image_stride(t.image_stride),
        image_pixels(std::max(1, t.height * t.width)) {}

  __device__ T* at(unsigned pixel) const {
    const int image = image_pixels.quotient(static_cast<int>(pixel));
    return data + image * image_stride + image_pixels.remainder(static_cast<int>(pixel), image) * pixel_stride;
  }
};

/// Vectors of two tensors in flight in a thread.
template <class T>
inline constexpr int pair_unroll = sizeof(T) == 2 ? 4 : 2;

/// The first channel of this thread's vector; may lie beyond the last channel.
template <int Width>
__device__ int own_channel() {
  return static_cast<int>(blockIdx.y * blockDim.x + threadIdx.x) * Width;
}

/// body(integral constant n, i, step) for the items first, first + step, ... that there are, n at a time: i, i +
/// step...
template <int Unroll, class Body>
__device__ void each_item(unsigned first, unsigned step, unsigned items, const Body& body) {
  unsigned i = first;
  for (; i + (Unroll - 1) * step < items; i += Unroll * step) body(std::integral_constant<int, Unroll>{}, i, step);
  for (; i < items; i += step) body(std::integral_constant<int, 1>{}, i, step);
}

/// The same for the items of this thread, where the whole grid shares them.
template <int Unroll, class Body>
__device__ void each_item(unsigned items, const Body& body) {
  each_item<Unroll>(blockIdx.x * blockDim.y + threadIdx.y, gridDim.x * blockDim.y, items, body);
}

/// Joins the values of the block's rows, a tree: merge(own, other). The result is row 0's.
template <int Threads = block_threads, int Count, class Merge>
__device__ void join_rows(floats<Count>& own, const Merge& merge) {
  __shared__ float shared[Count][Threads / 2];
  const int rows = static_cast<int>(blockDim.y), row = static_cast<int>(threadIdx.y);
  const int lanes = static_cast<int>(blockDim.x), lane = static_cast<int>(threadIdx.x);
  int half = 1;
  while (2 * half < rows) half *= 2;
  for (; half > 0; half /= 2) {
    const bool gives = row >= half && row < 2 * half, takes = row < half && row + half < rows;
    const int slot = (gives ? row - half : row) * lanes + lane;
    if (gives)
#pragma unroll
      for (int i = 0; i < Count; ++i) shared[i][slot] = own[i];
    __syncthreads();
    if (takes) {
      floats<Count> other;
#pragma unroll
      for (int i = 0; i < Count; ++i) other[i] = shared[i][slot];
      merge(own, other);
    }
    __syncthreads();
  }
}

template <int Threads = block_threads, int Count>
__device__ void join_row_sums(floats<Count>& own) {
  join_rows<Threads>(own, [](floats<Count>& to, const floats<Count>& from) {
#pragma unroll
    for (int i = 0; i < Count; ++i) to[i] += from[i];
  });
}

/// Adds terms(part, sums) of all parts in a fixed order, in a block of join_width x join_width threads: x are channels,
/// y shares the parts. The sums are those of row 0.
template <int Count, class Terms>
__device__ void sum_parts(int parts, bool active, double (&sums)[Count], const Terms& terms) {
  __shared__ double shared[Count][join_width / 2][join_width];
  const int row = static_cast<int>(threadIdx.y), lane = static_cast<int>(threadIdx.x);
#pragma unroll
  for (int i = 0; i < Count; ++i) sums[i] = 0;
  if (active)
#pragma unroll 8
    for (int p = row; p < parts; p += join_width) terms(p, sums);
  for (int half = join_width / 2; half > 0; half /= 2) {
    if (row >= half && row < 2 * half)
#pragma unroll
      for (int i = 0; i < Count; ++i) shared[i][row - half][lane] = sums[i];
    __syncthreads();
    if (row < half)
#pragma unroll
      for (int i = 0; i < Count; ++i) sums[i] += shared[i][row][lane];
    __syncthreads();
  }
}

inline dim3 join_blocks(std::int64_t channels) {
  return static_cast<unsigned>((channels + join_width - 1) / join_width);
}
inline dim3 join_threads() { return {join_width, join_width}; }

/// The two sums of a gradient for Width channels: sums in [0, Width), products behind them.
template <int Width>
struct gradient_adder {
  affine<Width> transform;
  floats<Width> mean;
  floats<2 * Width> sums{};

  __device__ gradient_adder(const pending& p, const float* means, int channel) : transform(p, channel) {
#pragma unroll
    for (int i = 0; i < Width; ++i) mean[i] = means ? means[channel + i] : 0.0f;
  }

  __device__ void add(float gradient, float z, int i) {
    const float g = transform.open(z, i) ? gradient : 0.0f;
    sums[i] += g;
    sums[Width + i] = fmaf(g, z - mean[i], sums[Width + i]);
  }
};

/// Joins the block's sums and writes them as part blockIdx.x.
template <int Width>
__device__ void leave_gradient_sums(floats<2 * Width>& sums, const partial_sums& rows, int channel, bool active) {
  join_row_sums(sums);
  if (!active || threadIdx.y != 0) return;
  float* const to = rows.at + 2 * std::int64_t{blockIdx.x} * rows.stride + channel;
#pragma unroll
  for (int i = 0; i < Width; ++i) to[i] = sums[i], to[rows.stride + i] = sums[Width + i];
}

}  // namespace odt::cuda
