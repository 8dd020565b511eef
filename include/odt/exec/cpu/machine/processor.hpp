// SPDX-License-Identifier: MIT
// The processor that this translation unit is compiled for: on x86-64 the level of the System V ABI, of which
// instruction sets with names of their own have more.
#pragma once

#include <odt/exec/cpu/machine/isa.hpp>

#include <string_view>

#if !defined(__x86_64__)
#define ODT_PROCESSOR_NAME ODT_ISA_NAME
#elif defined(__AVX512F__) && defined(__AVX512BW__) && defined(__AVX512CD__) && defined(__AVX512DQ__) && \
    defined(__AVX512VL__)
#define ODT_PROCESSOR_NAME "x86-64-v4"
#elif defined(__AVX2__) && defined(__FMA__) && defined(__BMI2__)
#define ODT_PROCESSOR_NAME "x86-64-v3"
#elif defined(__SSE4_2__) && defined(__POPCNT__)
#define ODT_PROCESSOR_NAME "x86-64-v2"
#else
#define ODT_PROCESSOR_NAME "x86-64"
#endif

namespace odt::cpu {
inline namespace ODT_ISA {

/// "x86-64-v3"; where there are no such levels, isa_name.
inline constexpr std::string_view processor_name = ODT_PROCESSOR_NAME;

/// Whether this machine has AVX2 and FMA, the least that is quick on x86-64.
inline bool machine_has_avx2() {
#if defined(__x86_64__)
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
#else
  return false;
#endif
}

}  // namespace ODT_ISA
}  // namespace odt::cpu
