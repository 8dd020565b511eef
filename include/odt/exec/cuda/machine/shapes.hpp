// SPDX-License-Identifier: MIT
// Shapes of what the kernels work on, and how many parts and how much scratch memory follow from them and from the
// number of multiprocessors. Needs no CUDA.
#pragma once

#include <algorithm>
#include <cstdint>

namespace odt::cuda {

/// Geometry of a window that moves over an image.
struct window {
  int kernel_height = 1, kernel_width = 1;
  int stride = 1;
  int rate = 1;
  int pad_top = 0, pad_left = 0;
};

/// A pixel of a batch: of that image, counted row after row.
struct pixel_place {
  int image = 0, pixel = 0;
};

/// Most parts that one producer of moments or gradient sums writes.
inline constexpr int most_parts = 528;

/// Bytes of shared memory that a block may take on compute capability 8.0, the least that the kernels run on (8.6, 8.9
/// and 12.0 have less), and on 9.0, for which the number of blocks on a multiprocessor is chosen.
inline constexpr int small_block_memory = 163 * 1024, large_block_memory = 227 * 1024;

/// Blocks that run at once, two a multiprocessor: the parts of a sum over pixels.
constexpr int resident_blocks(int processors) { return std::min(2 * processors, most_parts); }

/// A number of rows or columns up to a multiple of eight; what is beyond the number is zero.
constexpr std::int64_t packed(std::int64_t extent) { return (extent + 7) / 8 * 8; }

/// A convolution's weights as a matrix. With a multiplier they are those of a depthwise convolution, spread over a
/// dense matrix of zeros.
struct weights_matrix {
  int rows = 0;        ///< kernel_height * kernel_width * input channels
  int columns = 0;     ///< output channels
  int multiplier = 0;  ///< 0: dense

  constexpr std::int64_t packed_elements() const { return packed(rows) * packed(columns); }
};

/// Two matrices of as many rows side by side, the first with its packed columns.
constexpr weights_matrix side_by_side(const weights_matrix& first, const weights_matrix& second) {
  return {first.rows, static_cast<int>(packed(first.columns)) + second.columns, 0};
}

/// One convolution's weights among those that are packed together.
struct packing {
  weights_matrix of{};
  std::int64_t from = 0;    ///< in the store of variables
  std::int64_t to = 0;      ///< in the packed store; a multiple of eight
  std::int64_t stride = 0;  ///< of its rows there, where others may lie beside it
};

inline constexpr int tile_k = 64;  ///< of a step

/// Blocks of a weight gradient that share a multiprocessor.
constexpr int weights_blocks(int extent) { return extent == 128 ? 1 : 2; }

/// How a weight gradient's tiles and pixels are cut.
struct weights_parts {
  int extent = 64;
  int row_tiles = 1, column_tiles = 1, parts = 1;
  int part_pixels = 0;

  constexpr weights_parts(const weights_matrix& of, std::int64_t pixels, bool large_tiles, int processors) {
    extent = large_tiles && std::min(of.rows, of.columns) > 64 ? 128 : 64;
    row_tiles = (of.rows + extent - 1) / extent, column_tiles = (of.columns + extent - 1) / extent;
    const std::int64_t steps = (pixels + tile_k - 1) / tile_k;
    const std::int64_t wanted =
        std::clamp<std::int64_t>(weights_blocks(extent) * processors / (row_tiles * column_tiles), 1, steps);
    part_pixels = static_cast<int>((steps + wanted - 1) / wanted * tile_k);
    parts = static_cast<int>((pixels + part_pixels - 1) / part_pixels);
  }
};

/// Floats of scratch memory for conv_backward_weights over that many output pixels.
constexpr std::int64_t conv_weights_scratch(const weights_matrix& of, std::int64_t pixels, int processors) {
  const int parts =
      std::max(weights_parts(of, pixels, true, processors).parts, weights_parts(of, pixels, false, processors).parts);
  return std::int64_t{of.columns} * std::max(std::int64_t{parts} * of.rows, std::int64_t{most_parts});
}

/// Floats of scratch memory for depthwise_backward between tensors of these sizes.
constexpr std::int64_t depthwise_backward_scratch(const window& w, int channels, int processors) {
  return std::int64_t{1} * resident_blocks(processors) * w.kernel_height * w.kernel_width * channels;
}

/// Floats of scratch memory for group_norm and group_norm_backward.
constexpr std::int64_t group_norm_scratch(int batch, int channels, int processors) {
  const std::int64_t parts = std::max(batch, resident_blocks(processors));
  return channels * std::max(3 * parts, 2 * (parts + batch));
}

}  // namespace odt::cuda
