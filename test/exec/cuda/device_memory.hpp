// SPDX-License-Identifier: MIT
// Copies between the tests' vectors and the device, for nvcc's units too.
#pragma once

#include <odt/exec/cuda/machine/memory.hpp>

#include <cstddef>
#include <cstdint>
#include <vector>

namespace odt::test {

template <class T>
cuda::device_array<T> copied(const std::vector<T>& values) {
  cuda::device_array<T> memory(values.size());
  cuda::check(cudaMemcpy(memory.data(), values.data(), memory.bytes(), cudaMemcpyHostToDevice), "cudaMemcpy");
  return memory;
}

template <class T>
cuda::device_array<T> copied(const T* values, int count) {
  return copied(std::vector<T>(values, values + count));
}

template <class T>
std::vector<T> fetched(const T* memory, std::size_t count) {
  std::vector<T> values(count);
  cuda::check(cudaMemcpy(values.data(), memory, count * sizeof(T), cudaMemcpyDeviceToHost), "cudaMemcpy");
  return values;
}

template <class T>
std::vector<T> fetched(const cuda::device_array<T>& memory) {
  return fetched(memory.data(), memory.size());
}

/// `count` elements that a kernel has to overwrite: all their bytes are 0x5a.
template <class T>
cuda::device_array<T> unwritten(std::size_t count) {
  cuda::device_array<T> memory(count);
  cuda::check(cudaMemset(memory.data(), 0x5a, memory.bytes()), "cudaMemset");
  return memory;
}

inline cuda::device_array<std::byte> scratch_of(std::int64_t bytes) {
  return unwritten<std::byte>(static_cast<std::size_t>(bytes));
}

}  // namespace odt::test
