// SPDX-License-Identifier: MIT
// CUDA's errors as odt's.
#pragma once

#include <odt/core/error.hpp>

#include <cuda_runtime.h>

namespace odt::cuda {

/// Throws what CUDA says of a call that failed; `what` names the call or the kernel.
inline void check(cudaError_t status, const char* what) {
  if (status != cudaSuccess)
    fail("CUDA: ", what, ": ", cudaGetErrorString(status), " (", cudaGetErrorName(status), ")");
}

/// Throws if the last launch was refused.
inline void check_launch(const char* kernel) { check(cudaGetLastError(), kernel); }

}  // namespace odt::cuda
