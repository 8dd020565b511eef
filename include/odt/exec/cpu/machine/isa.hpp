// SPDX-License-Identifier: MIT
// The instruction set that this translation unit is compiled for. The CPU kernels lie in an inline namespace of that
// name: objects of different instruction sets then fail to link rather than mix.
#pragma once

#include <string_view>

#if defined(__AVX512F__) && defined(__AVX512BW__) && defined(__AVX512DQ__) && defined(__AVX512VL__)
#define ODT_ISA avx512
#define ODT_ISA_NAME "avx512"
#elif defined(__AVX2__) && defined(__FMA__)
#define ODT_ISA avx2
#define ODT_ISA_NAME "avx2"
#elif defined(__ARM_NEON) && defined(__aarch64__)
#define ODT_ISA neon
#define ODT_ISA_NAME "neon"
#else
#if defined(__OPTIMIZE__) && !defined(ODT_BASELINE_ISA)
#pragma message("odt: compiled below AVX2 with FMA, which is slow: add -march=native, or define ODT_BASELINE_ISA")
#endif
#define ODT_ISA baseline
#define ODT_ISA_NAME "baseline"
#endif

namespace odt::cpu {
inline namespace ODT_ISA {

/// The instruction set of the kernels: "avx512", "avx2", "neon" or "baseline" (slow: compile with -march=native).
inline constexpr std::string_view isa_name = ODT_ISA_NAME;

}  // namespace ODT_ISA
}  // namespace odt::cpu
