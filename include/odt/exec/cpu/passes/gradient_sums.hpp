// SPDX-License-Identifier: MIT
// Batch norm's backward begins with two sums over a gradient. Whoever writes that gradient adds them up on the way,
// while it is in the cache: chunks that follow from the shape in float, joined in a fixed order in double.
#pragma once

#include <odt/exec/cpu/passes/sums.hpp>

namespace odt::cpu {
inline namespace ODT_ISA {

/// What batch norm's backward needs summed over a gradient while it is written: with g = dy where z's clamp is open,
/// per channel sum(g) and sum(g*(z - mean)). z is raw, with its pending transform, and of the gradient's extents; mean,
/// sum and product hold one float a channel.
struct gradient_sums {
  const_tensor z;
  const float* mean = nullptr;
  float* sum = nullptr;
  float* product = nullptr;
};

/// Floats of the partial sums of `chunks` chunks of pixels.
constexpr std::ptrdiff_t gradient_sums_size(std::ptrdiff_t channels, std::ptrdiff_t chunks) {
  return 2 * sums_stride(channels) * chunks;
}

/// The sums of one chunk of pixels: two rows of `stride` floats.
struct chunk_gradient_sums {
  float* at = nullptr;
  std::ptrdiff_t stride = 0;
};

/// Chunk i of `partial`, which has gradient_sums_size(channels, chunks) floats.
inline chunk_gradient_sums gradient_sums_chunk(float* partial, std::ptrdiff_t channels, std::ptrdiff_t i) {
  return {partial + gradient_sums_size(channels, i), sums_stride(channels)};
}

namespace detail {

/// The two sums of a vector of channels while they are in registers.
struct gradient_adder {
  vector_transform transform;
  vec mean, sum = vec(0.0f), product = vec(0.0f);

  gradient_adder(const gradient_sums& s, std::ptrdiff_t channel, std::ptrdiff_t count)
      : transform(s.z.transform, channel, count), mean(load_first(s.mean + channel, count)) {}

  [[gnu::always_inline]] void add(const vec& gradient, const vec& z) {
    const vec y = transform.affine(z);
    const vec g = xsimd::select((y > transform.low) & (y < transform.high), gradient, vec(0.0f));
    sum += g;
    product = multiply_add(g, z - mean, product);
  }

  void leave(const chunk_gradient_sums& chunk, std::ptrdiff_t channel, std::ptrdiff_t count, bool first) const {
    float* const to = chunk.at + channel;
    float* const second = to + chunk.stride;
    store_first(to, first ? sum : sum + load_first(to, count), count);
    store_first(second, first ? product : product + load_first(second, count), count);
  }
};

template <int Vectors, class Row, class ZRow>
void add_gradient_vectors(const gradient_sums& s, const Row& row, const ZRow& z, int rows, std::ptrdiff_t channel,
                          std::ptrdiff_t count, const chunk_gradient_sums& chunk, bool first) {
  auto adders = [&]<int... V>(std::integer_sequence<int, V...>) {
    return std::array<gradient_adder, Vectors>{gradient_adder(s, channel + V * lanes, count - V * lanes)...};
  }(std::make_integer_sequence<int, Vectors>{});
  for (int r = 0; r < rows; ++r) {
    const float* const gradient = row(r) + channel;
    const float* const raw = z(r) + channel;
    unroll<Vectors>([&](auto v) {
      adders[v].add(load_first(gradient + v * lanes, count - v * lanes),
                    load_first(raw + v * lanes, count - v * lanes));
    });
  }
  unroll<Vectors>([&](auto v) { adders[v].leave(chunk, channel + v * lanes, count - v * lanes, first); });
}

}  // namespace detail

/// Adds pixels [0, rows) of channels [channel, channel + count) of a gradient to the chunk's sums, or begins them when
/// `first`. row(r) and z(r) are where channel 0 of pixel r lies in the gradient and in the raw tensor.
template <class Row, class ZRow>
void add_gradient_sums(const gradient_sums& s, const Row& row, const ZRow& z, int rows, std::ptrdiff_t channel,
                       std::ptrdiff_t count, const chunk_gradient_sums& chunk, bool first) {
  constexpr int width = 2;
  const std::ptrdiff_t end = channel + count;
  std::ptrdiff_t c = channel;
  for (; c + width * lanes <= end; c += width * lanes)
    detail::add_gradient_vectors<width>(s, row, z, rows, c, width * lanes, chunk, first);
  for (; c < end; c += lanes) detail::add_gradient_vectors<1>(s, row, z, rows, c, end - c, chunk, first);
}

/// The sums of all chunks, into s.sum and s.product.
inline void join_gradient_sums(thread_pool& pool, const gradient_sums& s, const float* partial, int chunks) {
  const std::ptrdiff_t channels = s.z.channels, stride = sums_stride(channels);
  join_sums(pool, partial, 2 * stride, chunks, channels, s.sum, false);
  join_sums(pool, partial + stride, 2 * stride, chunks, channels, s.product, false);
}

/// Floats of scratch memory for sum_gradient.
inline std::ptrdiff_t gradient_sums_scratch(const shape& s) {
  return gradient_sums_size(s.channels, pixel_pieces(s).count);
}

/// The sums of a gradient that lies in memory.
inline void sum_gradient(thread_pool& pool, const gradient_sums& s, const tensor& gradient, float* scratch) {
  const pixel_pieces pieces(gradient.extents());
  pool.run(pieces.count, [&](int piece, int) {
    const int image = pieces.image(piece), first = pieces.first(piece);
    const float* const from = gradient.pixel(image, 0, 0) + first * gradient.pixel_stride;
    const float* const z = s.z.pixel(image, 0, 0) + first * s.z.pixel_stride;
    add_gradient_sums(
        s, [&](int p) { return from + p * gradient.pixel_stride; }, [&](int p) { return z + p * s.z.pixel_stride; },
        pieces.pixels(piece), 0, gradient.channels, gradient_sums_chunk(scratch, gradient.channels, piece), true);
  });
  join_gradient_sums(pool, s, scratch, pieces.count);
}

}  // namespace ODT_ISA
}  // namespace odt::cpu
