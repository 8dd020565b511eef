// SPDX-License-Identifier: MIT
// Small pieces that the kernels share: partial vectors, unrolled loops, a pending transform in registers.
#pragma once

#include <odt/core/past_caches.hpp>
#include <odt/exec/cpu/machine/simd.hpp>
#include <odt/exec/cpu/machine/tensor.hpp>

#include <algorithm>
#include <array>
#include <cstdint>
#include <type_traits>
#include <utility>

namespace odt::cpu {
inline namespace ODT_ISA {

/// Calls f(integral_constant<int, 0>) ... f(integral_constant<int, N-1>), unrolled.
template <int N, class F>
[[gnu::always_inline]] inline void unroll(F&& f) {
  [&]<int... I>(std::integer_sequence<int, I...>) __attribute__((always_inline)) {
    (f(std::integral_constant<int, I>{}), ...);
  }
  (std::make_integer_sequence<int, N>{});
}

constexpr std::ptrdiff_t ceil_div(std::ptrdiff_t a, std::ptrdiff_t b) { return (a + b - 1) / b; }
constexpr std::ptrdiff_t round_up(std::ptrdiff_t a, std::ptrdiff_t multiple) {
  return ceil_div(a, multiple) * multiple;
}

#if !defined(__AVX512F__) && defined(__AVX2__)
namespace detail {
alignas(64) inline constexpr std::int32_t lane_masks[16] = {-1, -1, -1, -1, -1, -1, -1, -1, 0, 0, 0, 0, 0, 0, 0, 0};
}
#endif

/// The first `count` elements (any more than `lanes` are not looked at), zeros after them; touches no other memory.
[[gnu::always_inline]] inline vec load_first(const float* from, std::ptrdiff_t count) {
  if (count >= lanes) return load(from);
#if defined(__AVX512F__)
  return vec(_mm512_maskz_loadu_ps(static_cast<__mmask16>((1u << count) - 1u), from));
#elif defined(__AVX2__)
  const auto* chosen = reinterpret_cast<const __m256i*>(detail::lane_masks + 8 - count);
  return vec(_mm256_maskload_ps(from, _mm256_loadu_si256(chosen)));
#else
  return load_part(from, static_cast<int>(count));
#endif
}

/// Writes the first `count` elements, at most `lanes`.
[[gnu::always_inline]] inline void store_first(float* to, const vec& value, std::ptrdiff_t count) {
  if (count >= lanes) return store(to, value);
#if defined(__AVX512F__)
  _mm512_mask_storeu_ps(to, static_cast<__mmask16>((1u << count) - 1u), value);
#elif defined(__AVX2__)
  const auto* chosen = reinterpret_cast<const __m256i*>(detail::lane_masks + 8 - count);
  _mm256_maskstore_ps(to, _mm256_loadu_si256(chosen), value);
#else
  store_part(to, value, static_cast<int>(count));
#endif
}

/// Writes to memory past the caches (core/past_caches.hpp), where the instruction set can.
[[gnu::always_inline]] inline void store_past_caches(float* to, const vec& value) {
#if defined(__AVX2__)
  odt::store_past_caches(to, static_cast<vec::register_type>(value));
#else
  store(to, value);
#endif
}

/// A pending transform for one vector of channels. A NaN stays one.
struct vector_transform {
  vec scale = vec(1.0f), shift = vec(0.0f), low, high;

  /// For `count` channels from `channel` on.
  vector_transform(const pending& p, std::ptrdiff_t channel, std::ptrdiff_t count) : low(p.low), high(p.high) {
    if (!p.scale) return;
    scale = load_first(p.scale + channel, count);
    shift = load_first(p.shift + channel, count);
  }

  [[gnu::always_inline]] vec affine(const vec& x) const { return multiply_add(x, scale, shift); }
  [[gnu::always_inline]] vec operator()(const vec& x) const { return smaller(high, larger(low, affine(x))); }
};

/// to[0..count) = transform(from[0..count)) for consecutive channels from `channel` on. May write (not read) up to
/// lanes-1 further elements.
inline void copy_channels(float* to, const float* from, std::ptrdiff_t count, const pending& p,
                          std::ptrdiff_t channel) {
  if (p.none()) {
    for (std::ptrdiff_t i = 0; i < count; i += lanes) store(to + i, load_first(from + i, count - i));
  } else if (!p.scale) {
    const vec low(p.low), high(p.high);
    for (std::ptrdiff_t i = 0; i < count; i += lanes)
      store(to + i, smaller(high, larger(low, load_first(from + i, count - i))));
  } else {
    for (std::ptrdiff_t i = 0; i < count; i += lanes)
      store(to + i, vector_transform(p, channel + i, count - i)(load_first(from + i, count - i)));
  }
}

/// copy_channels for `rows` pixels; `count` <= Vectors*lanes, so that the transform stays in registers.
template <int Vectors>
void copy_pixels(float* to, std::ptrdiff_t to_step, const float* from, std::ptrdiff_t from_step, int rows,
                 std::ptrdiff_t count, const pending& p, std::ptrdiff_t channel) {
  const auto transforms = [&]<int... V>(std::integer_sequence<int, V...>) {
    return std::array<vector_transform, Vectors>{vector_transform(p, channel + V * lanes, count - V * lanes)...};
  }(std::make_integer_sequence<int, Vectors>{});
  for (int r = 0; r < rows; ++r, to += to_step, from += from_step)
    unroll<Vectors>(
        [&](auto v) { store(to + v * lanes, transforms[v](load_first(from + v * lanes, count - v * lanes))); });
}

/// Whether a tensor is so large that its reader will not find it in the caches anyway, and lies so that whole vectors
/// can be written past them.
inline bool worth_streaming(const tensor& t) {
  constexpr std::ptrdiff_t large = std::ptrdiff_t{16} << 20;
  constexpr std::ptrdiff_t line = 16;
  const bool lines = t.pixel_stride % line == 0 && t.image_stride % line == 0 && t.channels % line == 0 &&
                     reinterpret_cast<std::uintptr_t>(t.data) % (line * sizeof(float)) == 0;
  return lines && t.extents().elements() * std::ptrdiff_t{sizeof(float)} >= large;
}

/// Zeros in whole vectors: may write up to lanes-1 elements beyond `count`.
inline void zero_channels(float* to, std::ptrdiff_t count) {
  for (std::ptrdiff_t i = 0; i < count; i += lanes) store(to + i, vec(0.0f));
}

}  // namespace ODT_ISA
}  // namespace odt::cpu
