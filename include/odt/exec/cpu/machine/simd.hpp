// SPDX-License-Identifier: MIT
// The one door to xsimd: a vector of floats, one of ints, and what xsimd 8 to 14 spell differently.
// Policies' per-element functions take these vectors in place of a float; log, exp, min, max, select, abs… are found by
// argument-dependent lookup.
#pragma once

#include <odt/core/intrinsics.hpp>  // before xsimd, which includes them too
#include <odt/exec/cpu/machine/isa.hpp>

#include <cstddef>
#include <cstdint>
#include <new>
#include <vector>

#include <xsimd/xsimd.hpp>

#if defined(__ARM_NEON) && defined(__aarch64__)
// The instructions, which round once; xsimd approximates both as if they were missing, as they are on 32 bits.
namespace xsimd::kernel {

template <>
inline batch<float, default_arch> div(const batch<float, default_arch>& a, const batch<float, default_arch>& b,
                                      requires_arch<neon>) noexcept {
  return vdivq_f32(a, b);
}

template <>
inline batch<float, default_arch> sqrt(const batch<float, default_arch>& x, requires_arch<neon>) noexcept {
  return vsqrtq_f32(x);
}

}  // namespace xsimd::kernel
#endif

namespace odt::cpu {
inline namespace ODT_ISA {

namespace detail {
#if defined(__AVX512F__) && XSIMD_VERSION_MAJOR < 9  // log() of xsimd 8 does not compile for AVX-512BW
using simd_arch = xsimd::avx512dq;
#else
using simd_arch = xsimd::default_arch;
#endif
}  // namespace detail

/// The widest vector of floats of this instruction set, and as many ints.
using vec = xsimd::batch<float, detail::simd_arch>;
using ivec = xsimd::batch<std::int32_t, detail::simd_arch>;
using mask = typename vec::batch_bool_type;

inline constexpr int lanes = static_cast<int>(vec::size);

/// `count` rounded up to a whole number of vectors.
template <class Int>
constexpr Int padded(Int count) {
  return (count + static_cast<Int>(lanes - 1)) / static_cast<Int>(lanes) * static_cast<Int>(lanes);
}

inline vec load(const float* from) { return vec::load_unaligned(from); }
inline void store(float* to, const vec& value) { value.store_unaligned(to); }
inline ivec load(const std::int32_t* from) { return ivec::load_unaligned(from); }
inline void store(std::int32_t* to, const ivec& value) { value.store_unaligned(to); }

/// The first `count` < lanes elements; the others are `rest`.
inline vec load_part(const float* from, int count, float rest = 0) {
  alignas(64) float part[lanes];
  for (int i = 0; i < lanes; ++i) part[i] = i < count ? from[i] : rest;
  return vec::load_aligned(part);
}

/// Writes the first `count` < lanes elements.
inline void store_part(float* to, const vec& value, int count) {
  alignas(64) float part[lanes];
  value.store_aligned(part);
  for (int i = 0; i < count; ++i) to[i] = part[i];
}

/// a*b + c rounded once, by the instruction (xsimd 8's own fma multiplies and adds on AVX-512).
[[gnu::always_inline]] inline vec multiply_add(const vec& a, const vec& b, const vec& c) {
#if defined(__AVX512F__)
  return vec(_mm512_fmadd_ps(a, b, c));
#elif defined(__AVX2__) && defined(__FMA__)
  return vec(_mm256_fmadd_ps(a, b, c));
#elif defined(__ARM_NEON) && defined(__aarch64__)
  return vec(vfmaq_f32(c, a, b));
#else
  return a * b + c;
#endif
}

/// max(a, b) and min(a, b); a NaN in b stays one (in xsimd's from 14 on, a NaN in a).
[[gnu::always_inline]] inline vec larger(const vec& a, const vec& b) {
  return XSIMD_VERSION_MAJOR < 14 ? xsimd::max(a, b) : xsimd::max(b, a);
}

[[gnu::always_inline]] inline vec smaller(const vec& a, const vec& b) {
  return XSIMD_VERSION_MAJOR < 14 ? xsimd::min(a, b) : xsimd::min(b, a);
}

/// 0, 1, 2, ... as floats.
inline vec iota() {
  alignas(64) float part[lanes];
  for (int i = 0; i < lanes; ++i) part[i] = static_cast<float>(i);
  return vec::load_aligned(part);
}

/// Sum of the elements, in an order that the instruction set fixes.
template <class T, class A>
T sum(const xsimd::batch<T, A>& v) {
#if XSIMD_VERSION_MAJOR >= 9
  return xsimd::reduce_add(v);
#else
  return xsimd::hadd(v);
#endif
}

/// The largest and the smallest element.
inline float largest(const vec& v) {
  alignas(64) float part[lanes];
  v.store_aligned(part);
  float best = part[0];
  for (int i = 1; i < lanes; ++i) best = part[i] > best ? part[i] : best;
  return best;
}

inline float smallest(const vec& v) {
  alignas(64) float part[lanes];
  v.store_aligned(part);
  float best = part[0];
  for (int i = 1; i < lanes; ++i) best = part[i] < best ? part[i] : best;
  return best;
}

/// One bit an element, the first element lowest.
template <class Mask>
std::uint32_t bits(const Mask& m) {
  if constexpr (requires { m.mask(); }) {
    return static_cast<std::uint32_t>(m.mask());
  } else {
#if defined(__AVX512F__)
    return static_cast<std::uint32_t>(static_cast<__mmask16>(m.data));
#elif defined(__AVX__)
    return static_cast<std::uint32_t>(_mm256_movemask_ps(m));
#elif defined(__SSE2__)
    return static_cast<std::uint32_t>(_mm_movemask_ps(m));
#else
    bool part[lanes];
    m.store_unaligned(part);
    std::uint32_t result = 0;
    for (int i = 0; i < lanes; ++i) result |= static_cast<std::uint32_t>(part[i]) << i;
    return result;
#endif
  }
}

/// Storage on a cache line's boundary, so that a vector never straddles two.
template <class T>
struct aligned_allocator {
  using value_type = T;
  aligned_allocator() = default;
  template <class U>
  constexpr aligned_allocator(const aligned_allocator<U>&) {}
  T* allocate(std::size_t count) { return static_cast<T*>(::operator new(count * sizeof(T), std::align_val_t{64})); }
  void deallocate(T* at, std::size_t) { ::operator delete(at, std::align_val_t{64}); }
  template <class U>
  friend constexpr bool operator==(const aligned_allocator&, const aligned_allocator<U>&) {
    return true;
  }
};

template <class T>
using aligned_vector = std::vector<T, aligned_allocator<T>>;

}  // namespace ODT_ISA
}  // namespace odt::cpu
