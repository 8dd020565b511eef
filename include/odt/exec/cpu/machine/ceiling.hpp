// SPDX-License-Identifier: MIT
// What the machine can do at this moment: times mean little without it, for clocks drift and machines are shared.
#pragma once

#include <odt/core/thread_pool.hpp>
#include <odt/exec/cpu/machine/isa.hpp>

#include <cstddef>
#include <vector>

namespace odt::cpu {
inline namespace ODT_ISA {

/// Fused multiply-adds as fast as the registers allow, on all threads of the pool: FLOP/s, the best of `tries` runs
/// or of those that a tenth of a second has room for.
double fma_peak(thread_pool& pool, int tries = 3);

/// The same for products of bfloat16 with sums in fp32: of AMX tiles where they are permitted, else of vdpbf16ps, else
/// fma_peak, which is what such products cost then.
double bf16_peak(thread_pool& pool, int tries = 3);

/// a = b + factor*c over arrays far larger than the caches: bytes/s as the program counts them (12 a float), the best
/// of `tries`.
class memory_ceiling {
 public:
  explicit memory_ceiling(thread_pool& pool, std::size_t megabytes = 64);
  double measure(int tries = 3);

 private:
  void triad();

  thread_pool& pool_;
  std::vector<float> a_, b_, c_;
};

}  // namespace ODT_ISA
}  // namespace odt::cpu

#if defined(ODT_HEADER_ONLY)
#include <odt/exec/cpu/machine/ceiling.ipp>
#endif
