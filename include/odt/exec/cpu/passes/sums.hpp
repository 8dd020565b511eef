// SPDX-License-Identifier: MIT
// Per-channel sums over many pixels: chunks that follow from the shape add up in float, the chunks are joined in a
// fixed order in double.
#pragma once

#include <odt/core/thread_pool.hpp>
#include <odt/exec/cpu/machine/vector_tools.hpp>

#include <algorithm>
#include <cmath>

namespace odt::cpu {
inline namespace ODT_ISA {

/// Floats that `channels` take in a row of partial sums.
constexpr std::ptrdiff_t sums_stride(std::ptrdiff_t channels) { return round_up(channels, 16); }

/// The moments of one chunk per channel: a shift (the chunk's first value, so that the squares do not cancel), the sum
/// of (y - shift) and that of (y - shift)^2. Three rows of `stride` floats.
struct chunk_moments {
  float* at = nullptr;
  std::ptrdiff_t stride = 0;
};

/// Joins the moments of all chunks; size_of(chunk) is its number of pixels.
template <class SizeOf>
void join_moments(thread_pool& pool, const float* moments, int chunks, const SizeOf& size_of, int channels,
                  const batch_statistics& to) {
  constexpr int width = 32;
  const std::ptrdiff_t stride = sums_stride(channels);
  pool.run(static_cast<int>(ceil_div(channels, width)), [&](int group, int) {
    const int first = group * width, count = std::min(width, channels - first);
    double mean[width] = {}, spread[width] = {}, total = 0;
    for (int i = 0; i < chunks; ++i) {
      const float* shift = moments + 3 * stride * i + first;
      const double size = size_of(i);
      total += size;
      for (int c = 0; c < count; ++c) mean[c] += size * shift[c] + shift[stride + c];
    }
    for (int c = 0; c < count; ++c) mean[c] /= total;
    for (int i = 0; i < chunks; ++i) {
      const float* shift = moments + 3 * stride * i + first;
      const double size = size_of(i), inverse = 1.0 / size;
      for (int c = 0; c < count; ++c) {
        const double sum = shift[stride + c], apart = shift[c] + sum * inverse - mean[c];
        spread[c] += shift[2 * stride + c] - sum * sum * inverse + size * apart * apart;
      }
    }
    for (int c = 0; c < count; ++c) {
      to.mean[first + c] = static_cast<float>(mean[c]);
      to.variance[first + c] = static_cast<float>(std::max(spread[c] / total, 0.0));
    }
  });
}

/// to[i] = (accumulate ? to[i] : 0) + sum over parts p, in order, of from[p*stride + i].
inline void join_sums(thread_pool& pool, const float* from, std::ptrdiff_t stride, int parts, std::ptrdiff_t count,
                      float* to, bool accumulate) {
  constexpr std::ptrdiff_t width = 1024;
  pool.run(static_cast<int>(ceil_div(count, width)), [&](int group, int) {
    const std::ptrdiff_t first = group * width, last = std::min(count, first + width);
    double sums[width] = {};
    if (accumulate)
      for (std::ptrdiff_t i = first; i < last; ++i) sums[i - first] = to[i];
    for (int p = 0; p < parts; ++p) {
      const float* part = from + p * stride;
      for (std::ptrdiff_t i = first; i < last; ++i) sums[i - first] += part[i];
    }
    for (std::ptrdiff_t i = first; i < last; ++i) to[i] = static_cast<float>(sums[i - first]);
  });
}

/// The pixels of an image cut into pieces that follow from the shape: piece i of batch*per_image.
struct pixel_pieces {
  int image_pixels = 0, per_image = 0, size = 0, count = 0;

  explicit pixel_pieces(const shape& s, int wanted = 512) {
    image_pixels = s.height * s.width;
    per_image = std::max(1, static_cast<int>(ceil_div(image_pixels, wanted)));
    size = static_cast<int>(ceil_div(image_pixels, per_image));
    per_image = static_cast<int>(ceil_div(image_pixels, size));
    count = s.batch * per_image;
  }
  int image(int piece) const { return piece / per_image; }
  int first(int piece) const { return piece % per_image * size; }
  int pixels(int piece) const { return std::max(0, std::min(size, image_pixels - first(piece))); }
};

/// Pieces of about 256 kB: what one pass leaves in the cache the next vectors of channels find there.
inline pixel_pieces pieces_of(const shape& s) {
  return pixel_pieces(s, std::clamp(65536 / std::max(1, s.channels), 64, 1024));
}

/// body(first pixel's address offset in pixels, image, pixels) for every piece.
template <class Body>
void each_piece(thread_pool& pool, const shape& s, const Body& body) {
  const pixel_pieces pieces = pieces_of(s);
  pool.run(pieces.count,
           [&](int piece, int) { body(piece, pieces.image(piece), pieces.first(piece), pieces.pixels(piece)); });
}

/// sums[c] = (accumulate ? sums[c] : 0) + sum of x over all pixels. `scratch` holds pieces x sums_stride floats.
inline void sum_pixels(thread_pool& pool, const const_tensor& x, float* sums, bool accumulate, float* scratch) {
  const pixel_pieces pieces(x.extents());
  const std::ptrdiff_t stride = sums_stride(x.channels);
  pool.run(pieces.count, [&](int piece, int) {
    const float* from = x.pixel(pieces.image(piece), 0, 0) + pieces.first(piece) * x.pixel_stride;
    for (int c = 0; c < x.channels; c += lanes) {
      vec sum(0.0f);
      for (int p = 0; p < pieces.pixels(piece); ++p) sum += load_first(from + p * x.pixel_stride + c, x.channels - c);
      store(scratch + piece * stride + c, sum);
    }
  });
  join_sums(pool, scratch, stride, pieces.count, x.channels, sums, accumulate);
}

/// Hands out 64-byte aligned pieces of scratch memory; with a null start it only measures.
class scratch_space {
 public:
  explicit scratch_space(std::byte* start) : start_(start) {}

  float* take(std::ptrdiff_t floats) {
    std::byte* at = start_ ? start_ + used_ : nullptr;
    used_ += static_cast<std::size_t>(round_up(floats, 16)) * sizeof(float);
    return reinterpret_cast<float*>(at);
  }
  std::size_t used() const { return used_; }

 private:
  std::byte* start_;
  std::size_t used_ = 0;
};

}  // namespace ODT_ISA
}  // namespace odt::cpu
