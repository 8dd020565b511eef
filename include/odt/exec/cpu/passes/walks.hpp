// SPDX-License-Identifier: MIT
// Walks over whole tensors, a vector of channels at a time: each by itself, or summed up image by image.
#pragma once

#include <odt/exec/cpu/passes/sums.hpp>

namespace odt::cpu {
inline namespace ODT_ISA {

/// body(image, pixel of the image, channel, channels from there on) for every vector; pixels are shared among the
/// threads.
template <class Body>
void each_vector(thread_pool& pool, const shape& s, const Body& body) {
  each_piece(pool, s, [&](int, int image, int first, int pixels) {
    for (int p = first; p < first + pixels; ++p)
      for (int c = 0; c < s.channels; c += lanes) body(image, p, c, s.channels - c);
  });
}

/// The transformed values of a pixel's channels from c on.
[[gnu::always_inline]] inline vec values_at(const const_tensor& x, int image, int pixel, int c, int rest) {
  return vector_transform(x.transform, c, rest)(load_first(x.pixel(image, 0, pixel) + c, rest));
}

/// The place for a pixel's channels from c on.
struct vector_place {
  float* at;
  int rest;

  vector_place(const tensor& y, int image, int pixel, int c, int left) : at(y.pixel(image, 0, pixel) + c), rest(left) {}
  /// Writes, or adds to what is there.
  [[gnu::always_inline]] void put(const vec& value, bool accumulate) const {
    store_first(at, accumulate ? load_first(at, rest) + value : value, rest);
  }
};

/// Channels that one thread sums up together, and pixels that add up in float before they do in double.
inline constexpr int summed_channels = 64, summed_pixels = 64;

/// Adds the elements of a vector to sums in double.
[[gnu::always_inline]] inline void add_to(double* sums, const vec& value, int count) {
  alignas(64) float part[lanes];
  value.store_aligned(part);
  for (int i = 0; i < std::min(count, lanes); ++i) sums[i] += part[i];
}

/// body(integral constant of vectors, first channel) until all channels are done: several vectors together have more of
/// the memory on its way.
template <class Body>
void each_channel(int begin, int end, const Body& body) {
  constexpr int width = 4;
  int c = begin;
  for (; c + width * lanes <= end; c += width * lanes) body(std::integral_constant<int, width>{}, c);
  for (; c + 2 * lanes <= end; c += 2 * lanes) body(std::integral_constant<int, 2>{}, c);
  for (; c < end; c += lanes) body(std::integral_constant<int, 1>{}, c);
}

/// result(image, channel, sum) for every image and channel: the sum over the image's pixels of
/// term(image, pixel, channel, channels from there on), a vector.
template <class Term, class Result>
void sum_images(thread_pool& pool, const shape& s, const Term& term, const Result& result) {
  const int groups = static_cast<int>(ceil_div(s.channels, summed_channels)), pixels = s.height * s.width;
  pool.run(s.batch * groups, [&](int job, int) {
    const int n = job / groups, begin = job % groups * summed_channels,
              end = std::min(s.channels, begin + summed_channels);
    double sums[summed_channels] = {};
    for (int first = 0; first < pixels; first += summed_pixels)
      each_channel(begin, end, [&](auto vectors, int c) {
        vec sum[vectors];
        unroll<vectors>([&](auto v) { sum[v] = vec(0.0f); });
        for (int p = first; p < std::min(pixels, first + summed_pixels); ++p)
          unroll<vectors>([&](auto v) { sum[v] += term(n, p, c + v * lanes, s.channels - c - v * lanes); });
        unroll<vectors>([&](auto v) { add_to(sums + c - begin + v * lanes, sum[v], end - c - v * lanes); });
      });
    for (int c = begin; c < end; ++c) result(n, c, sums[c - begin]);
  });
}

}  // namespace ODT_ISA
}  // namespace odt::cpu
