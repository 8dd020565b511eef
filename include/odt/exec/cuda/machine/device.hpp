// SPDX-License-Identifier: MIT
// What there is of the current device.
#pragma once

#include <odt/exec/cuda/machine/error.hpp>
#include <odt/exec/cuda/machine/shapes.hpp>

#include <cstddef>
#include <cstdint>

namespace odt::cuda {

inline int device_attribute(cudaDeviceAttr attribute) {
  int device = 0, value = 0;
  check(cudaGetDevice(&device), "cudaGetDevice");
  check(cudaDeviceGetAttribute(&value, attribute, device), "cudaDeviceGetAttribute");
  return value;
}

/// Multiprocessors of the current device.
inline int multiprocessors() {
  static const int count = device_attribute(cudaDevAttrMultiProcessorCount);
  return count;
}

/// Bytes of shared memory that a block of the current device may take.
inline int block_memory() {
  static const int bytes = device_attribute(cudaDevAttrMaxSharedMemoryPerBlockOptin);
  return bytes;
}

/// Whether there is a GPU that the kernels run on.
inline bool has_device() {
  int count = 0;
  const bool found = cudaGetDeviceCount(&count) == cudaSuccess && count > 0;
  cudaGetLastError();
  return found && block_memory() >= small_block_memory;
}

/// Bytes of the current device's memory that nobody has taken.
inline std::int64_t free_memory() {
  std::size_t free = 0, total = 0;
  check(cudaMemGetInfo(&free, &total), "cudaMemGetInfo");
  return static_cast<std::int64_t>(free);
}

}  // namespace odt::cuda
