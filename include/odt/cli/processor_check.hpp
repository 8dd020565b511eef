// SPDX-License-Identifier: MIT
// At the start of the program, before any constructor of its own: an error where the processor lacks instructions that
// it was compiled for, in place of SIGILL. The check itself does without them.
#pragma once

#if defined(__x86_64__) && defined(__linux__)

#include <unistd.h>

namespace odt::detail::cli {

[[gnu::constructor(101), gnu::target("general-regs-only,no-bmi,no-bmi2")]] inline void check_processor() {
  __builtin_cpu_init();
  const char* missing = nullptr;
#if defined(__AVX512BF16__)
  if (!__builtin_cpu_supports("avx512bf16")) missing = "AVX512_BF16";
#endif
#if defined(__AVX512VBMI__)
  if (!__builtin_cpu_supports("avx512vbmi")) missing = "AVX512_VBMI";
#endif
#if defined(__AVX512F__)
  if (!__builtin_cpu_supports("avx512f")) missing = "AVX-512";
#endif
#if defined(__BMI2__)
  if (!__builtin_cpu_supports("bmi2")) missing = "BMI2";
#endif
#if defined(__FMA__)
  if (!__builtin_cpu_supports("fma")) missing = "FMA";
#endif
#if defined(__AVX2__)
  if (!__builtin_cpu_supports("avx2")) missing = "AVX2";
#endif
#if defined(__SSE4_2__)
  if (!__builtin_cpu_supports("sse4.2")) missing = "SSE4.2";
#endif
  if (!missing) return;
  const char* const parts[] = {"odt: error: this program was compiled for processors with ", missing,
                               ", which this one lacks\n"};
  for (const char* part : parts) {
    const char* end = part;
    while (*end) ++end;
    if (write(STDERR_FILENO, part, static_cast<unsigned long>(end - part)) < 0) break;
  }
  _exit(1);
}

}  // namespace odt::detail::cli

#endif
