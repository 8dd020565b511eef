// SPDX-License-Identifier: MIT
// Bilinear blends of rows of pixels.
#pragma once

#include <odt/core/blend_groups.hpp>
#include <odt/core/pixel_transform.hpp>
#include <odt/core/resize_taps.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

namespace odt {
inline namespace ODT_BLENDING {

/// Which two pixels of a row in memory make each pixel of the resized row.
struct blend_table {
  struct taps {
    int a = 0, b = 0;  ///< pixels
    float share = 0;   ///< of b
  };

  int begin = 0, end = 0;           ///< the results of two neighbours of which 8 bytes lie in the row: the fast ones
  bool descending = false;          ///< b lies before a
  std::vector<taps> pixels;         ///< of each result
  std::vector<float> shares;        ///< of each result, four times
  std::vector<std::int32_t> bytes;  ///< where the pair of each result begins
  detail::blending::byte_groups groups;  ///< the same for wider vectors, where it has any

  int width() const { return static_cast<int>(pixels.size()); }

  /// Completes the table for a row of `in` pixels once `pixels` are there.
  void finish(int in, bool from_right_to_left) {
    groups.finish(pixels, in);
    if (groups.span > 0) return;
    descending = from_right_to_left;
    shares.resize(pixels.size() * 4);
    for (std::size_t x = 0; x < pixels.size(); ++x)
      std::fill_n(shares.begin() + 4 * std::ptrdiff_t(x), 4, pixels[x].share);
    bytes.resize(pixels.size());
    for (std::size_t x = 0; x < pixels.size(); ++x) bytes[x] = 3 * std::min(pixels[x].a, pixels[x].b);
    const auto fast = [&](const taps& t) { return t.a != t.b && 3 * std::min(t.a, t.b) + 8 <= 3 * in; };
    begin = static_cast<int>(std::ranges::find_if(pixels, fast) - pixels.begin());
    end = begin;
    while (end < width() && fast(pixels[static_cast<std::size_t>(end)])) ++end;
  }
};

}  // namespace ODT_BLENDING

namespace detail::blending {
inline namespace ODT_BLENDING {

// The compiler's vectors, whatever the instruction set. Eight floats hold two pixels, each with a gap behind it.
using bytes32 [[gnu::vector_size(32)]] = unsigned char;
using longs2 [[gnu::vector_size(16)]] = std::uint64_t;
using ints8 [[gnu::vector_size(32)]] = int;
using floats4 [[gnu::vector_size(16)]] = float;
using floats8 [[gnu::vector_size(32)]] = float;

struct pair_transform {
  floats8 scale, shift;

  explicit pair_transform(const pixel_transform& t)
      : scale{t.scale[0], t.scale[1], t.scale[2], 0, t.scale[0], t.scale[1], t.scale[2], 0},
        shift{t.shift[0], t.shift[1], t.shift[2], 0, t.shift[0], t.shift[1], t.shift[2], 0} {}
};

inline void store(float* out, floats4 values) { std::memcpy(out, &values, sizeof values); }

/// Two results: of the pixels at p and behind it, and of those at q and behind it.
template <bool descending>
[[gnu::always_inline]] inline floats8 blend_pair(const std::uint8_t* p, const std::uint8_t* q, const float* shares,
                                                 const pair_transform& change) {
  std::uint64_t words[2];
  std::memcpy(&words[0], p, 8);
  std::memcpy(&words[1], q, 8);
  const auto bytes =
      reinterpret_cast<bytes32>(__builtin_shufflevector(longs2{words[0], 0}, longs2{words[1], 0}, 0, 1, 2, 3));
  const auto first =
      reinterpret_cast<ints8>(__builtin_shufflevector(bytes, bytes, 0, 8, 8, 8, 1, 8, 8, 8, 2, 8, 8, 8, 8, 8, 8, 8, 16,
                                                      24, 24, 24, 17, 24, 24, 24, 18, 24, 24, 24, 24, 24, 24, 24));
  const auto second =
      reinterpret_cast<ints8>(__builtin_shufflevector(bytes, bytes, 3, 8, 8, 8, 4, 8, 8, 8, 5, 8, 8, 8, 8, 8, 8, 8, 19,
                                                      24, 24, 24, 20, 24, 24, 24, 21, 24, 24, 24, 24, 24, 24, 24));
  const floats8 a = __builtin_convertvector(descending ? second : first, floats8) * change.scale + change.shift;
  const floats8 b = __builtin_convertvector(descending ? first : second, floats8) * change.scale + change.shift;
  floats8 share;
  std::memcpy(&share, shares, sizeof share);
  return blend(a, b, share);
}

/// The results of `begin` to `end`, four at a time; a rest of less than four is made together with some before it.
template <bool descending>
void blend_fast(const blend_table& table, const std::uint8_t* __restrict source, const pixel_transform& transform,
                float* __restrict out) {
  const pair_transform change(transform);
  const std::int32_t* __restrict const at = table.bytes.data();
  const float* __restrict const shares = table.shares.data();
  const auto four = [=](std::ptrdiff_t x) {
    const floats8 u = blend_pair<descending>(source + at[x], source + at[x + 1], shares + 4 * x, change);
    const floats8 v = blend_pair<descending>(source + at[x + 2], source + at[x + 3], shares + 4 * x + 8, change);
    store(out + 3 * x, __builtin_shufflevector(u, u, 0, 1, 2, 4));
    store(out + 3 * x + 4, __builtin_shufflevector(u, v, 5, 6, 8, 9));
    store(out + 3 * x + 8, __builtin_shufflevector(v, v, 2, 4, 5, 6));
  };
  const std::ptrdiff_t end = table.end;
  std::ptrdiff_t x = table.begin;
  for (; x + 4 <= end; x += 4) four(x);
  if (x < end) four(end - 4);
}

/// One after the other; `change` takes a value and its channel.
template <class T, class Change>
void blend_slow(const blend_table& table, int from, int to, const T* source, const Change& change, float* out) {
  for (int x = from; x < to; ++x) {
    const blend_table::taps& t = table.pixels[static_cast<std::size_t>(x)];
    for (int c = 0; c < 3; ++c) {
      const float a = change(static_cast<float>(source[3 * t.a + c]), c);
      const float b = change(static_cast<float>(source[3 * t.b + c]), c);
      out[3 * x + c] = blend(a, b, t.share);
    }
  }
}

}  // namespace ODT_BLENDING
}  // namespace detail::blending

inline namespace ODT_BLENDING {

/// The resized row of a row of floats.
inline void blend_pixels(const blend_table& table, const float* source, float* out) {
  detail::blending::blend_slow(
      table, 0, table.width(), source, [](float value, int) { return value; }, out);
}

/// The resized row of a row of bytes, each value transformed before.
inline void blend_pixels(const blend_table& table, const std::uint8_t* source, const pixel_transform& change,
                         float* out) {
  namespace d = detail::blending;
  if (table.groups.span > 0) return d::blend_groups(table.groups, 3 * table.width(), source, change, out);
  if (table.end - table.begin < 4) return d::blend_slow(table, 0, table.width(), source, change, out);
  d::blend_slow(table, 0, table.begin, source, change, out);
  (table.descending ? d::blend_fast<true> : d::blend_fast<false>)(table, source, change, out);
  d::blend_slow(table, table.end, table.width(), source, change, out);
}

}  // namespace ODT_BLENDING
}  // namespace odt
