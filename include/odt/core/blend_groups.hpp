// SPDX-License-Identifier: MIT
// Bilinear blends along a row of bytes, 16 values at a time: a shuffle picks the neighbours of all of them out of 64
// or 128 bytes. For processors with AVX-512's shuffle of bytes.
#pragma once

#include <odt/core/pixel_transform.hpp>
#include <odt/core/resize_taps.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

#if defined(__AVX512VBMI__)
#include <odt/core/intrinsics.hpp>
#endif

// Units for different processors (those of nvcc know none) must not share what follows from it.
#if defined(__AVX512VBMI__)
#define ODT_BLENDING in_groups
#else
#define ODT_BLENDING one_by_one
#endif

namespace odt::detail::blending {
inline namespace ODT_BLENDING {

#if defined(__AVX512VBMI__)
inline constexpr bool has_groups = true;
#else
inline constexpr bool has_groups = false;
#endif

/// Which bytes of a row 16 neighbouring values of the resized row are made of: a part of 64 or 128, and places in it.
struct byte_groups {
  static constexpr int values = 16;
  int span = 0;                      ///< bytes that hold all of any group; 0: there are no groups
  std::vector<std::int32_t> begin;   ///< of each group: its first byte in the row
  std::vector<std::uint8_t> places;  ///< of each group: those of the 16 first neighbours, then of the second ones
  struct alignas(64) group_shares {
    float of[values];
  };
  std::vector<group_shares> shares;  ///< of each group: those of the second neighbours

  /// Where group g begins in the resized row: the last one overlaps the one before.
  static int first_value(int g, int count) { return std::min(g * values, count - values); }

  /// `pixels` are the two neighbours and the second one's share of each result; the row has `in` pixels.
  template <class Taps>
  void finish([[maybe_unused]] const std::vector<Taps>& pixels, [[maybe_unused]] int in) {
    span = 0;
    if constexpr (has_groups) {
      if (3 * static_cast<int>(pixels.size()) < values) return;
      for (const int wanted : {64, 128})
        if (3 * in >= wanted && find_begins(pixels, in, wanted)) return fill(pixels, wanted);
    }
  }

 private:
  template <class Taps>
  bool find_begins(const std::vector<Taps>& pixels, int in, int wanted) {
    begin.clear();
    const int count = 3 * static_cast<int>(pixels.size());
    for (int first = 0, g = 0; g * values < count; ++g) {
      first = first_value(g, count);
      const Taps &one = pixels[static_cast<std::size_t>(first / 3)],
                 &other = pixels[static_cast<std::size_t>((first + values - 1) / 3)];
      const auto [low, high] = std::minmax({one.a, one.b, other.a, other.b});
      begin.push_back(std::min(3 * low, 3 * in - wanted));
      if (3 * high + 3 > begin.back() + wanted) return false;
    }
    return true;
  }

  template <class Taps>
  void fill(const std::vector<Taps>& pixels, int wanted) {
    span = wanted;
    const int count = 3 * static_cast<int>(pixels.size());
    places.resize(begin.size() * 2 * values);
    shares.resize(begin.size());
    for (std::size_t g = 0; g < begin.size(); ++g)
      for (int i = 0; i < values; ++i) {
        const int value = first_value(static_cast<int>(g), count) + i, from = begin[g] - value % 3;
        const Taps& t = pixels[static_cast<std::size_t>(value / 3)];
        std::uint8_t* const place = places.data() + g * 2 * values + i;
        place[0] = static_cast<std::uint8_t>(3 * t.a - from);
        place[values] = static_cast<std::uint8_t>(3 * t.b - from);
        shares[g].of[i] = t.share;
      }
  }
};

#if defined(__AVX512VBMI__)

// The compiler's vectors, but for the shuffles.
using longs8 [[gnu::vector_size(64)]] = std::int64_t;
using ints16 [[gnu::vector_size(64)]] = int;
using floats16 [[gnu::vector_size(64)]] = float;

/// A channel's number for each of 16 values, the first of channel c.
inline floats16 by_channel(const std::array<float, 3>& n, std::size_t c) {
  const float p = n[c], q = n[(c + 1) % 3], r = n[(c + 2) % 3];
  return floats16{p, q, r, p, q, r, p, q, r, p, q, r, p, q, r, p};
}

/// The bytes at 16 places of the span.
template <int span>
[[gnu::always_inline]] inline floats16 pick(__m512i left, __m512i right, const std::uint8_t* places) {
  const __m512i place = _mm512_castsi128_si512(_mm_loadu_si128(reinterpret_cast<const __m128i*>(places)));
  const auto picked = reinterpret_cast<longs8>(span > 64 ? _mm512_permutex2var_epi8(left, place, right)
                                                         : _mm512_maskz_permutexvar_epi8(~__mmask64{}, place, left));
  const auto first = reinterpret_cast<__m128i>(__builtin_shufflevector(picked, picked, 0, 1));
  return __builtin_convertvector(reinterpret_cast<ints16>(_mm512_maskz_cvtepu8_epi32(0xffff, first)), floats16);
}

template <int span>
void blend_spans(const byte_groups& groups, int count, const std::uint8_t* __restrict source,
                 const pixel_transform& change, float* __restrict out) {
  constexpr int values = byte_groups::values;
  floats16 scales[3], shifts[3];
  for (std::size_t c = 0; c < 3; ++c) scales[c] = by_channel(change.scale, c), shifts[c] = by_channel(change.shift, c);
  for (std::size_t g = 0; g < groups.begin.size(); ++g) {
    const int first = byte_groups::first_value(static_cast<int>(g), count);
    const floats16 scale = scales[first % 3], shift = shifts[first % 3];
    const std::uint8_t* const from = source + groups.begin[g];
    const __m512i left = _mm512_loadu_si512(from), right = span > 64 ? _mm512_loadu_si512(from + 64) : left;
    const std::uint8_t* const places = groups.places.data() + g * 2 * values;
    const floats16 a = pick<span>(left, right, places) * scale + shift;
    const floats16 b = pick<span>(left, right, places + values) * scale + shift;
    floats16 share;
    std::memcpy(&share, groups.shares[g].of, sizeof share);
    const floats16 result = blend(a, b, share);
    std::memcpy(out + first, &result, sizeof result);
  }
}

/// The resized row of `count` values.
inline void blend_groups(const byte_groups& groups, int count, const std::uint8_t* source,
                         const pixel_transform& change, float* out) {
  (groups.span > 64 ? blend_spans<128> : blend_spans<64>)(groups, count, source, change, out);
}

#else

inline void blend_groups(const byte_groups&, int, const std::uint8_t*, const pixel_transform&, float*) {}

#endif

}  // namespace ODT_BLENDING
}  // namespace odt::detail::blending
