// SPDX-License-Identifier: MIT
// What the 3x3 depthwise kernels share: strips of columns, walked from the top of a band to its bottom.
#pragma once

#include <odt/exec/cuda/machine/pixels.cuh>

namespace odt::cuda {

/// Width neighbours as they lie in memory, so that those in flight take few registers.
template <int Width, class T>
struct packed_vector {
  static constexpr int count = (Width * static_cast<int>(sizeof(T)) + 3) / 4;
  unsigned words[count];

  __device__ void clear() {
#pragma unroll
    for (int i = 0; i < count; ++i) words[i] = 0;
  }
  __device__ void read(const T* from) {
    static_assert(count == 1 || count == 2 || count == 4);
    if constexpr (Width == 1 && sizeof(T) == 2) {
      words[0] = *reinterpret_cast<const unsigned short*>(from);
    } else if constexpr (count == 1) {
      words[0] = *reinterpret_cast<const unsigned*>(from);
    } else if constexpr (count == 2) {
      const uint2 v = *reinterpret_cast<const uint2*>(from);
      words[0] = v.x, words[1] = v.y;
    } else {
      const uint4 v = *reinterpret_cast<const uint4*>(from);
      words[0] = v.x, words[1] = v.y, words[2] = v.z, words[3] = v.w;
    }
  }
  __device__ float operator[](int i) const {
    if constexpr (sizeof(T) == 4)
      return __uint_as_float(words[i]);
    else
      return __uint_as_float(i % 2 == 0 ? words[i / 2] << 16 : words[i / 2] & 0xffff0000u);
  }
};

/// The images of a tensor cut into strips of columns and bands of rows: item = (image*bands + band)*strips + strip.
struct strip_grid {
  fast_division strips, bands;
  int band_rows = 1, rows = 1;
  unsigned items = 0;

  struct place {
    int image, strip, row, end;  ///< rows [row, end)
  };

  strip_grid() = default;
  /// Bands of about 16 rows, less (but 4) where there would be too few items for `lanes` vectors of channels.
  strip_grid(int batch, int all_rows, int strip_count, int lanes) : strips(strip_count), rows(all_rows) {
    const std::int64_t wanted_threads = std::int64_t{3} * resident_blocks() * block_threads;
    band_rows = 16;
    const auto threads = [&] {
      return std::int64_t{1} * batch * strip_count * lanes * ((rows + band_rows - 1) / band_rows);
    };
    while (band_rows > 4 && threads() < wanted_threads) band_rows /= 2;
    const int band_count = std::max(1, (rows + band_rows - 1) / band_rows);
    band_rows = std::max(1, (rows + band_count - 1) / band_count);
    bands = fast_division(band_count);
    items = checked_count(std::int64_t{1} * batch * strip_count * band_count);
  }

  ODT_HD place at(unsigned item) const {
    const int number = static_cast<int>(item), band_number = strips.quotient(number);
    const int image = bands.quotient(band_number), row = bands.remainder(band_number, image) * band_rows;
    const int end = row + band_rows < rows ? row + band_rows : rows;
    return {image, strips.remainder(number, band_number), row, end};
  }
};

/// Columns neighbouring pixels of a line, from column `first` on, of lines that may lie outside.
template <int Width, int Columns, class T>
struct strip_reader {
  const T* at;  ///< line 0, column `first`, the thread's channel
  std::int64_t line_stride;
  int pixel_stride, lines, width, first;

  __device__ strip_reader(const tensor<const T>& t, int image, int first_column, int channel)
      : at(t.data + image * t.image_stride + first_column * t.pixel_stride + channel),
        line_stride(t.width * t.pixel_stride),
        pixel_stride(static_cast<int>(t.pixel_stride)),
        lines(t.height),
        width(t.width),
        first(first_column) {}

  __device__ bool inside(int line) const { return static_cast<unsigned>(line) < static_cast<unsigned>(lines); }
  __device__ bool has(int j) const { return static_cast<unsigned>(first + j) < static_cast<unsigned>(width); }

  /// Zeros where there is no pixel.
  __device__ void read(int line, packed_vector<Width, T> (&to)[Columns]) const {
    const bool in = inside(line);
    const T* const from = at + line * line_stride;
#pragma unroll
    for (int j = 0; j < Columns; ++j) {
      to[j].clear();
      if (in && has(j)) to[j].read(from + j * pixel_stride);
    }
  }
};

}  // namespace odt::cuda
