// SPDX-License-Identifier: MIT
#include <odt/core/random.hpp>
#include <odt/exec/cuda/machine/error.hpp>
#include <odt/exec/cuda/machine/pixel_loops.cuh>
#include <odt/exec/cuda/passes/elements.hpp>

#include <algorithm>
#include <array>
#include <cmath>

namespace odt::cuda {

namespace {

template <class T>
struct copy_pass {
  pixel_array<const T> x;
  pixel_array<T> y;
  pending transform;
  int channels;
  unsigned pixels;  ///< of y
};

template <class T>
copy_pass<T> pass_over(const reading<T>& x, const tensor<T>& y) {
  return {pixel_array<const T>(x.x), pixel_array<T>(y), x.transform, y.channels, checked_count(y.pixels())};
}

template <int Width, class T>
__global__ void __launch_bounds__(block_threads) clear_pixels(pixel_array<T> y, int channels, unsigned pixels) {
  const int c = own_channel<Width>();
  if (c >= channels) return;
  each_item<1>(pixels, [&](auto, unsigned pixel, unsigned) { store<Width>(y.at(pixel) + c, floats<Width>{}); });
}

template <int Width, class From, class To>
__global__ void __launch_bounds__(block_threads)
    copy_pixels(pixel_array<const From> from, pixel_array<To> to, pending apply, bool accumulate, int channels,
                unsigned pixels) {
  const int c = own_channel<Width>();
  if (c >= channels) return;
  const affine<Width> transform(apply, c);
  each_item<1>(pixels, [&](auto, unsigned pixel, unsigned) {
    const floats<Width> x = load<Width>(from.at(pixel) + c);
    floats<Width> y = load_if<Width>(accumulate, to.at(pixel) + c);
#pragma unroll
    for (int i = 0; i < Width; ++i) y[i] += transform(x[i], i);
    store<Width>(to.at(pixel) + c, y);
  });
}

/// Where the pixel of a padded tensor lies in the one within it.
struct padding {
  fast_division image, row;  ///< pixels of the padded one
  int height, width;         ///< of the one within

  /// -1: nowhere.
  ODT_HD int source(int pixel) const {
    const int n = image.quotient(pixel), rest = image.remainder(pixel, n);
    const int y = row.quotient(rest), x = row.remainder(rest, y);
    return y < height && x < width ? (n * height + y) * width + x : -1;
  }
};

template <int Width, class T>
__global__ void __launch_bounds__(block_threads) pad_pixels(copy_pass<T> pass, padding border) {
  const int c = own_channel<Width>();
  if (c >= pass.channels) return;
  const affine<Width> transform(pass.transform, c);
  each_item<1>(pass.pixels, [&](auto, unsigned pixel, unsigned) {
    const int source = border.source(static_cast<int>(pixel));
    floats<Width> x{};
    if (source >= 0) {
      x = load<Width>(pass.x.at(static_cast<unsigned>(source)) + c);
#pragma unroll
      for (int i = 0; i < Width; ++i) x[i] = transform(x[i], i);
    }
    store<Width>(pass.y.at(pixel) + c, x);
  });
}

/// Element i of a row of pixels is kept when word i of the row's stream lies below the limit; an image when the first
/// word of its stream does.
struct dropout_rows {
  dropout_choice choice;
  fast_division width;   ///< pixels of a row
  fast_division height;  ///< rows of an image
};

__device__ inline std::array<std::uint32_t, 4> dropout_words(const dropout_rows& rows, std::uint64_t stream,
                                                             unsigned row, unsigned element) {
  return philox(
      {element / 4, 0x80000000u + row, static_cast<std::uint32_t>(stream), static_cast<std::uint32_t>(stream >> 32)},
      {static_cast<std::uint32_t>(rows.choice.seed), static_cast<std::uint32_t>(rows.choice.seed >> 32)});
}

template <int Width, class T>
__global__ void __launch_bounds__(block_threads) drop_elements(copy_pass<T> pass, dropout_rows rows, bool accumulate) {
  const int c = own_channel<Width>();
  if (c >= pass.channels) return;
  const affine<Width> transform(pass.transform, c);
  const std::uint64_t step = *rows.choice.step, stream = step * 4096 + rows.choice.layer;
  const float keep = rows.choice.options.keeps(step), inverse = 1.0f / keep;
  const auto limit = static_cast<std::uint64_t>(ceil(static_cast<double>(keep) * 0x1p32));
  const bool whole = rows.choice.options.whole_images;
  each_item<1>(pass.pixels, [&](auto, unsigned pixel, unsigned) {
    const int row = rows.width.quotient(static_cast<int>(pixel));
    const int column = rows.width.remainder(static_cast<int>(pixel), row);
    const auto element = static_cast<unsigned>(column) * static_cast<unsigned>(pass.channels) + c;
    T* const to = pass.y.at(pixel) + c;
    const floats<Width> x = load<Width>(pass.x.at(pixel) + c);
    floats<Width> y{};
    if (accumulate) y = load<Width>(static_cast<const T*>(to));
#pragma unroll
    for (int group = 0; group < (Width + 3) / 4; ++group) {
      const auto words = whole ? dropout_words(rows, stream, static_cast<unsigned>(rows.height.quotient(row)), 0)
                               : dropout_words(rows, stream, static_cast<unsigned>(row), element + 4 * group);
#pragma unroll
      for (int i = 0; i < (Width < 4 ? Width : 4); ++i) {
        const std::uint32_t word = words[whole ? 0 : Width == 1 ? element % 4 : i];
        const int own = 4 * group + i;
        y[own] += word < limit ? transform(x[own], own) * inverse : 0.0f;
      }
    }
    store<Width>(to, y);
  });
}

__global__ void __launch_bounds__(block_threads) write_identity(float* scale, float* shift, std::int64_t count) {
  const std::int64_t i = std::int64_t{1} * blockIdx.x * block_threads + threadIdx.x;
  if (i < count) scale[i] = 1, shift[i] = 0;
}

template <int Width, class T>
__global__ void __launch_bounds__(block_threads) convert_numbers(const float* from, T* to, std::int64_t vectors) {
  const std::int64_t step = std::int64_t{gridDim.x} * blockDim.x;
  for (std::int64_t i = std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x; i < vectors; i += step)
    store<Width>(to + Width * i, load<Width>(from + Width * i));
}

}  // namespace

template <class T>
void clear(cudaStream_t stream, const tensor<T>& y) {
  const unsigned pixels = checked_count(y.pixels());
  if (pixels == 0) return;
  with_width<vector_channels>(
      [&](auto width) {
        const launch_shape shape = shape_over(y.channels, width, pixels, pass_blocks());
        clear_pixels<width><<<shape.blocks, shape.threads, 0, stream>>>(pixel_array<T>(y), y.channels, pixels);
        check_launch("clear");
      },
      y);
}

template <class T>
void pad(cudaStream_t stream, const reading<T>& x, const tensor<T>& y) {
  const copy_pass<T> pass = pass_over(x, y);
  if (pass.pixels == 0) return;
  const padding border{fast_division(y.height * y.width), fast_division(y.width), x.x.height, x.x.width};
  with_width<vector_channels>(
      [&](auto width) {
        const launch_shape shape = shape_over(y.channels, width, pass.pixels, pass_blocks());
        pad_pixels<width><<<shape.blocks, shape.threads, 0, stream>>>(pass, border);
        check_launch("pad");
      },
      x.x, y);
}

template <class T>
void dropout(cudaStream_t stream, const reading<T>& x, const tensor<T>& y, bool accumulate,
             const dropout_choice& choice) {
  const copy_pass<T> pass = pass_over(x, y);
  if (pass.pixels == 0) return;
  const dropout_rows rows{choice, fast_division(y.width), fast_division(y.height)};
  with_width<vector_channels>(
      [&](auto width) {
        const launch_shape shape = shape_over(y.channels, width, pass.pixels, pass_blocks());
        drop_elements<width><<<shape.blocks, shape.threads, 0, stream>>>(pass, rows, accumulate);
        check_launch("dropout");
      },
      x.x, y);
}

template <class From, class To>
void copy(cudaStream_t stream, const reading<From>& x, const tensor<To>& y, bool accumulate) {
  const unsigned pixels = checked_count(y.pixels());
  if (pixels == 0) return;
  with_width<vector_channels>(
      [&](auto width) {
        const launch_shape shape = shape_over(y.channels, width, pixels, pass_blocks());
        copy_pixels<width><<<shape.blocks, shape.threads, 0, stream>>>(pixel_array<const From>(x.x), pixel_array<To>(y),
                                                                       x.transform, accumulate, y.channels, pixels);
        check_launch("copy");
      },
      x.x, y);
}

void make_identity(cudaStream_t stream, float* scale, float* shift, std::int64_t count) {
  const auto blocks = static_cast<unsigned>((count + block_threads - 1) / block_threads);
  write_identity<<<blocks, block_threads, 0, stream>>>(scale, shift, count);
  check_launch("make_identity");
}

template <class T>
void convert(cudaStream_t stream, const float* from, T* to, std::int64_t count) {
  if (count == 0) return;
  const bool aligned = count % 8 == 0 && reinterpret_cast<std::uintptr_t>(from) % 16 == 0 &&
                       reinterpret_cast<std::uintptr_t>(to) % 16 == 0;
  const std::int64_t vectors = aligned ? count / 8 : count;
  const auto blocks =
      static_cast<unsigned>(std::min<std::int64_t>((vectors + block_threads - 1) / block_threads, 4 * pass_blocks()));
  if (aligned)
    convert_numbers<8><<<blocks, block_threads, 0, stream>>>(from, to, vectors);
  else
    convert_numbers<1><<<blocks, block_threads, 0, stream>>>(from, to, vectors);
  check_launch("convert");
}

#define ODT_INSTANTIATE(T)                                                                               \
  template void clear(cudaStream_t, const tensor<T>&);                                                   \
  template void pad(cudaStream_t, const reading<T>&, const tensor<T>&);                                  \
  template void dropout(cudaStream_t, const reading<T>&, const tensor<T>&, bool, const dropout_choice&); \
  template void copy(cudaStream_t, const reading<T>&, const tensor<float>&, bool);                       \
  template void convert(cudaStream_t, const float*, T*, std::int64_t);
ODT_INSTANTIATE(float)
ODT_INSTANTIATE(bf16)
#undef ODT_INSTANTIATE
template void copy(cudaStream_t, const reading<float>&, const tensor<bf16>&, bool);

}  // namespace odt::cuda
