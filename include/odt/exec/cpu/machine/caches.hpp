// SPDX-License-Identifier: MIT
// Sizes of the machine's caches. Kernels cut their work by them only where that leaves every sum as it is.
#pragma once

#include <cstddef>

#include <unistd.h>

namespace odt::cpu {

/// Bytes of a core's L2 cache; 256 kB where the system does not know.
inline std::size_t detect_l2() {
#if defined(_SC_LEVEL2_CACHE_SIZE)
  if (const long bytes = sysconf(_SC_LEVEL2_CACHE_SIZE); bytes > 0) return static_cast<std::size_t>(bytes);
#endif
  return std::size_t{256} << 10;
}

/// What kernels believe; tests change it, while no kernel runs.
inline std::size_t l2_bytes = detect_l2();

/// Floats that half of the L2 cache holds.
inline std::ptrdiff_t half_l2_floats() { return static_cast<std::ptrdiff_t>(l2_bytes / 2 / sizeof(float)); }

}  // namespace odt::cpu
