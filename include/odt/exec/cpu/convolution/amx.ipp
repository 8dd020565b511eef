// SPDX-License-Identifier: MIT
#pragma once

#include <odt/core/target.hpp>
#include <odt/exec/cpu/convolution/amx.hpp>

#if ODT_AMX
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace odt::cpu {
inline namespace ODT_ISA {

// Linux, Documentation/arch/x86/xstate.rst: permission holds for all threads of the process.
ODT_INLINE bool amx_permitted() {
#if ODT_AMX
  constexpr long request_permission = 0x1023, tile_data = 18;  // ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA
  static const bool granted = syscall(SYS_arch_prctl, request_permission, tile_data) == 0;
  return granted;
#else
  return false;
#endif
}

}  // namespace ODT_ISA
}  // namespace odt::cpu
