// SPDX-License-Identifier: MIT
// 3x3 convolutions of stride 1 with 4 multiplications an output pixel instead of 9: F(2x2, 3x3) of Lavin and Gray,
// "Fast Algorithms for Convolutional Neural Networks", 2016. Tiles of 4x4 inputs become 16 points; a convolution is a
// matrix product at each point; what comes out becomes 2x2 outputs. The gradients are the same products backwards.
#pragma once

#include <odt/exec/cpu/convolution/convolution_plan.hpp>

#include <cstdint>

namespace odt::cpu {
inline namespace ODT_ISA {
namespace detail::winograd {

inline constexpr int points = 16;
inline constexpr int most_tiles = 56;                   ///< of a chunk
inline constexpr int group_columns = 2 * tile_columns;  ///< output channels that are worked on together
inline constexpr int part_channels = 96;                ///< most rows and columns of a job of the weights' gradient
inline constexpr int part_tiles = 32;                   ///< most tiles that such a job transforms at a time
static_assert(part_channels % tile_columns == 0 && part_channels % lanes == 0);

/// Floats of the weights at one point: panels of `tile_columns` columns.
constexpr std::ptrdiff_t matrix_size(std::ptrdiff_t depth, std::ptrdiff_t columns) {
  return depth * round_up(columns, tile_columns);
}

/// Floats of the weights at all points.
constexpr std::ptrdiff_t packed_size(std::ptrdiff_t depth, std::ptrdiff_t columns) {
  return points * matrix_size(depth, columns);
}

/// The points of 3x3 weights, as panels: 16 right matrices, in channels x out channels.
void pack_weights(thread_pool& pool, const float* weights, int in, int out, float* panels);

/// Whether a convolution is done this way, which follows from its shape. The weights' transform has to be worth it.
inline bool suits(const window& w, const shape& in, const shape& out) {
  const bool form = w.kernel_height == 3 && w.kernel_width == 3 && w.stride_height == 1 && w.stride_width == 1 &&
                    w.rate == 1 && w.compute == precision::fp32;
  return form && in.channels >= 32 && out.channels >= 32 && out.pixels() >= 96;
}

// One dimension of each transform.

/// 4 inputs to 4 points.
template <class T>
[[gnu::always_inline]] inline void to_points(const T& a, const T& b, const T& c, const T& d, T (&p)[4]) {
  p[0] = a - c, p[1] = b + c, p[2] = c - b, p[3] = b - d;
}

/// 4 points to 2 outputs.
template <class T>
[[gnu::always_inline]] inline void to_outputs(const T& a, const T& b, const T& c, const T& d, T (&y)[2]) {
  y[0] = a + b + c, y[1] = b - c - d;
}

/// The gradients of 2 outputs to those of 4 points.
template <class T>
[[gnu::always_inline]] inline void from_outputs(const T& a, const T& b, T (&p)[4]) {
  p[0] = a, p[1] = a + b, p[2] = a - b, p[3] = T(0.0f) - b;
}

/// 3 weights to 4 points.
template <class T>
[[gnu::always_inline]] inline void from_weights(const T& a, const T& b, const T& c, T (&p)[4]) {
  const T half(0.5f), sum = (a + c) * half, middle = b * half;
  p[0] = a, p[1] = sum + middle, p[2] = sum - middle, p[3] = c;
}

/// The gradients of 4 points to those of 3 weights.
template <class T>
[[gnu::always_inline]] inline void to_weights(const T& a, const T& b, const T& c, const T& d, T (&g)[3]) {
  const T half(0.5f), sum = (b + c) * half;
  g[0] = a + sum, g[1] = (b - c) * half, g[2] = sum + d;
}

/// A transform of N to M values along both dimensions of a square.
template <int N, int M, class T, class Transform>
[[gnu::always_inline]] inline void both_ways(const T (&in)[N][N], T (&out)[M][M], const Transform& transform) {
  T half[M][N];
  unroll<N>([&](auto x) __attribute__((always_inline)) {
    T column[M];
    transform([&](int i) -> const T& { return in[i][x]; }, column);
    unroll<M>([&](auto i) { half[i][x] = column[i]; });
  });
  unroll<M>([&](auto y)
                __attribute__((always_inline)) { transform([&](int i) -> const T& { return half[y][i]; }, out[y]); });
}

template <class T>
[[gnu::always_inline]] inline void tile_to_points(const T (&in)[4][4], T (&out)[4][4]) {
  both_ways(in, out, [](const auto& at, T(&p)[4]) { to_points(at(0), at(1), at(2), at(3), p); });
}
template <class T>
[[gnu::always_inline]] inline void points_to_outputs(const T (&in)[4][4], T (&out)[2][2]) {
  both_ways(in, out, [](const auto& at, T(&y)[2]) { to_outputs(at(0), at(1), at(2), at(3), y); });
}
template <class T>
[[gnu::always_inline]] inline void outputs_to_points(const T (&in)[2][2], T (&out)[4][4]) {
  both_ways(in, out, [](const auto& at, T(&p)[4]) { from_outputs(at(0), at(1), p); });
}
template <class T>
[[gnu::always_inline]] inline void weights_to_points(const T (&in)[3][3], T (&out)[4][4]) {
  both_ways(in, out, [](const auto& at, T(&p)[4]) { from_weights(at(0), at(1), at(2), p); });
}
template <class T>
[[gnu::always_inline]] inline void points_to_weights(const T (&in)[4][4], T (&out)[3][3]) {
  both_ways(in, out, [](const auto& at, T(&g)[3]) { to_weights(at(0), at(1), at(2), at(3), g); });
}

/// The 2x2 tiles of an output, counted through the batch.
struct tile_grid {
  int height, width;  ///< of the output
  int rows, columns;  ///< of tiles
  std::ptrdiff_t count;

  explicit tile_grid(const shape& out)
      : height(out.height),
        width(out.width),
        rows((out.height + 1) / 2),
        columns((out.width + 1) / 2),
        count(std::ptrdiff_t{1} * out.batch * rows * columns) {}

  /// The tile's first output pixel.
  grid_cursor first_pixel(std::ptrdiff_t tile) const {
    const std::ptrdiff_t line = tile / columns;
    return {static_cast<int>(line / rows), 2 * static_cast<int>(line % rows), 2 * static_cast<int>(tile % columns)};
  }
};

/// The 16 input pixels that a tile reads: null outside the image.
struct input_patch {
  const float* pixels[4][4];

  input_patch(const const_tensor& s, const grid_cursor& first, int pad_top, int pad_left) {
    for (int y = 0; y < 4; ++y)
      for (int x = 0; x < 4; ++x) {
        const int sy = first.y - pad_top + y, sx = first.x - pad_left + x;
        const bool inside = sy >= 0 && sy < s.height && sx >= 0 && sx < s.width;
        pixels[y][x] = inside ? s.pixel(first.image, sy, sx) : nullptr;
      }
  }

  /// The points of `count` channels from `channel` on.
  [[gnu::always_inline]] void transform(const pending& p, std::ptrdiff_t channel, std::ptrdiff_t count,
                                        vec (&to)[4][4]) const {
    const vector_transform read(p, channel, count);
    vec in[4][4];
    unroll<points>([&](auto i) {
      const float* at = pixels[i / 4][i % 4];
      in[i / 4][i % 4] = at ? read(load_first(at + channel, count)) : vec(0.0f);
    });
    tile_to_points(in, to);
  }
};

/// How tiles are cut into chunks.
struct chunk_plan {
  std::ptrdiff_t tiles;
  int chunks, depth_blocks;

  chunk_plan(std::ptrdiff_t tile_count, int depth) : tiles(tile_count) {
    const int fit = std::clamp(8192 / depth / tile_rows * tile_rows, 2 * tile_rows, most_tiles);
    const std::ptrdiff_t whole = round_up(ceil_div(tiles, fit), conv::jobs_apart);
    chunks = static_cast<int>(std::clamp<std::ptrdiff_t>(whole, 1, std::max<std::ptrdiff_t>(1, ceil_div(tiles, 8))));
    depth_blocks = static_cast<int>(ceil_div(depth, block_width));
  }
  std::ptrdiff_t first_tile(int chunk) const { return conv::piece(tiles, chunks, chunk); }
  int size(int chunk) const { return static_cast<int>(first_tile(chunk + 1) - first_tile(chunk)); }
};

/// How the weights' gradient is cut into jobs: some of its rows and columns, summed over some of the tiles.
struct weights_plan {
  std::ptrdiff_t tiles;
  int in, out, row_parts, column_parts, tile_parts;

  weights_plan(std::ptrdiff_t tile_count, int in_channels, int out_channels)
      : tiles(tile_count), in(in_channels), out(out_channels) {
    row_parts = static_cast<int>(ceil_div(in, part_channels));
    column_parts = static_cast<int>(ceil_div(out, part_channels));
    const int squares = row_parts * column_parts;
    const auto most = static_cast<int>(std::max<std::ptrdiff_t>(1, tiles / (2 * part_tiles)));
    tile_parts = std::min(most, static_cast<int>(ceil_div(conv::jobs_apart, squares)));
    while (tile_parts < most && squares * tile_parts < 4 * conv::jobs_apart &&
           squares * tile_parts % conv::jobs_apart != 0)
      ++tile_parts;
  }
  int jobs() const { return row_parts * column_parts * tile_parts; }
  std::ptrdiff_t points_size() const { return std::ptrdiff_t{points} * in * out; }
};

/// Memory of the forward and the data's direction.
struct chunk_memory {
  float *weights, *moments, *partial, *blocks;
  std::ptrdiff_t per_thread;

  chunk_memory(scratch_space& space, const chunk_plan& plan, int depth, int columns, int threads) {
    weights = space.take(packed_size(depth, columns));
    moments = space.take(3 * sums_stride(columns) * plan.chunks);
    partial = space.take(gradient_sums_size(columns, plan.chunks));
    per_thread = std::ptrdiff_t{points} * most_tiles * (plan.depth_blocks * block_stride + group_columns);
    blocks = space.take(per_thread * threads);
  }
};

struct weights_memory {
  float *partial, *bias, *blocks;
  static constexpr std::ptrdiff_t per_thread =
      std::ptrdiff_t{points} * part_tiles * part_channels * (column_stride / lanes + 1);

  weights_memory(scratch_space& space, const weights_plan& plan, const shape& out, int threads) {
    partial = space.take(plan.points_size() * plan.tile_parts);
    bias = space.take(sums_stride(out.channels) * pixel_pieces(out).count);
    blocks = space.take(per_thread * threads);
  }
};

}  // namespace detail::winograd

/// Bytes of scratch memory for the functions below.
std::size_t winograd_scratch(const shape& in, const shape& out, int threads);

/// conv_forward and conv_backward_data, which call these where they suit.
void winograd_forward(thread_pool& pool, const window& w, const const_tensor& x, const float* weights,
                      const float* bias, const tensor& y, const batch_statistics* statistics, std::byte* scratch,
                      const pending& finish, const float* packed);
void winograd_backward_data(thread_pool& pool, const window& w, const const_tensor& dy, const float* weights,
                            const tensor& dx, bool accumulate, std::byte* scratch, const gradient_sums* sums);
void winograd_backward_weights(thread_pool& pool, const window& w, const const_tensor& x, const const_tensor& dy,
                               float* dw, float* dbias, std::byte* scratch, bool accumulate);

}  // namespace ODT_ISA
}  // namespace odt::cpu

#if defined(ODT_HEADER_ONLY)
#include <odt/exec/cpu/convolution/winograd.ipp>
#include <odt/exec/cpu/convolution/winograd_weights.ipp>
#endif
