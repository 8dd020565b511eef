// SPDX-License-Identifier: MIT
// The kinds of matrix products: what an element of a packed operand is, and how two of them are multiplied. An element
// is 32 bits wide: one float, or two neighbours along the sum's depth as bfloat16.
#pragma once

#include <odt/core/precision.hpp>
#include <odt/exec/cpu/machine/vector_tools.hpp>

#include <bit>
#include <cstdint>

namespace odt::cpu {
inline namespace ODT_ISA {

/// Rows of a full tile in registers: as many accumulators as they hold beside two vectors of the right operand and one
/// broadcast element of the left one. Two under sanitizers, whose checks would take minutes to compile in all of them.
#if defined(__SANITIZE_ADDRESS__)
inline constexpr int tile_rows = 2;
#elif defined(__AVX512F__) || (defined(__ARM_NEON) && defined(__aarch64__))
inline constexpr int tile_rows = 14;
#else
inline constexpr int tile_rows = 6;
#endif

/// Which way a packed block of the left operand A lies: row by row, or (A transposed) tile by tile, the elements of a
/// column of a tile together.
enum class tile_order { rows, columns };

/// What products in vector registers share.
struct register_product {
  static constexpr int rows = tile_rows;  ///< of a full tile
  static constexpr int row_unit = 1;      ///< tiles begin at multiples of it
  static constexpr int step = 1;          ///< elements: operands are padded with zeros to whole steps along the depth
  static constexpr tile_order turned = tile_order::columns;  ///< how the weights' gradient packs A
  struct session {};                                         ///< lives while a thread multiplies
};

/// sum + left*right in fp32.
struct fp32_product : register_product {
  static constexpr int depth = 1;  ///< numbers of the sum in an element

  [[gnu::always_inline]] static vec multiply(const vec& left, const vec& right, const vec& sum) {
    return multiply_add(left, right, sum);
  }
  [[gnu::always_inline]] static vec round(const vec& x) { return x; }
};

/// Rounds to bfloat16 and back.
[[gnu::always_inline]] inline vec round_to_bf16(const vec& x) {
#if defined(__AVX512BF16__)
  const __m512i narrow = _mm512_cvtepu16_epi32(std::bit_cast<__m256i>(_mm512_cvtneps_pbh(x)));
  return vec(_mm512_castsi512_ps(_mm512_slli_epi32(narrow, 16)));
#else
  alignas(64) float part[lanes];
  store(part, x);
  for (float& each : part) {
    const auto bits = std::bit_cast<std::uint32_t>(each);
    const std::uint32_t rounded = each == each ? bits + 0x7fffu + (bits >> 16 & 1u) : bits | 0x400000u;
    each = std::bit_cast<float>(rounded & 0xffff0000u);
  }
  return load(part);
#endif
}

/// Elements are pairs of bfloat16, the first in the low half.
struct bf16_pairs {
  static constexpr int depth = 2;

#if defined(__AVX512BF16__)
  /// Elements i and i+1 of `low` and `high`, 2*lanes neighbours along the depth, become element i/2.
  [[gnu::always_inline]] static vec join(const vec& low, const vec& high) {
    return vec(std::bit_cast<__m512>(_mm512_cvtne2ps_pbh(high, low)));
  }
  /// Element i of the result pairs element i of `first` with that of `second`.
  [[gnu::always_inline]] static vec pair(const vec& first, const vec& second) {
    alignas(64) static constexpr auto order = [] {
      std::array<std::uint16_t, 2 * lanes> to{};
      for (int i = 0; i < 2 * lanes; ++i)
        to[static_cast<std::size_t>(i)] = static_cast<std::uint16_t>(i / 2 + i % 2 * lanes);
      return to;
    }();
    const auto both = std::bit_cast<__m512i>(_mm512_cvtne2ps_pbh(second, first));
    return vec(_mm512_castsi512_ps(_mm512_maskz_permutexvar_epi16(~0u, _mm512_load_si512(order.data()), both)));
  }
#else
  static vec join(const vec& low, const vec& high) {
    float both[2 * lanes], even[lanes], odd[lanes];
    store(both, low), store(both + lanes, high);
    for (int i = 0; i < lanes; ++i) even[i] = both[2 * i], odd[i] = both[2 * i + 1];
    return pair(load(even), load(odd));
  }
  static vec pair(const vec& first, const vec& second) {
    float low[lanes], high[lanes];
    store(low, round_to_bf16(first)), store(high, round_to_bf16(second));
    for (int i = 0; i < lanes; ++i)
      low[i] = std::bit_cast<float>(std::bit_cast<std::uint32_t>(low[i]) >> 16 | std::bit_cast<std::uint32_t>(high[i]));
    return load(low);
  }
#endif
};

#if defined(__AVX512BF16__)

/// Two products a lane, their sum in fp32.
struct bf16_product : register_product, bf16_pairs {
  [[gnu::always_inline]] static vec multiply(const vec& left, const vec& right, const vec& sum) {
    return vec(_mm512_dpbf16_ps(sum, std::bit_cast<__m512bh>(static_cast<__m512>(left)),
                                std::bit_cast<__m512bh>(static_cast<__m512>(right))));
  }
};

#else

/// Without instructions for it: operands are rounded when they are packed, and multiplied as floats.
struct bf16_product : register_product {
  static constexpr int depth = 1;

  [[gnu::always_inline]] static vec multiply(const vec& left, const vec& right, const vec& sum) {
    return multiply_add(left, right, sum);
  }
  [[gnu::always_inline]] static vec round(const vec& x) { return round_to_bf16(x); }
};

#endif

/// Elements that `count` numbers take, the padding included.
template <class Product>
constexpr std::ptrdiff_t elements(std::ptrdiff_t count) {
  return round_up(ceil_div(count, Product::depth), Product::step);
}

}  // namespace ODT_ISA
}  // namespace odt::cpu
