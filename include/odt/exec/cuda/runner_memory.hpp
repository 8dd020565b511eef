// SPDX-License-Identifier: MIT
// The device memory of a runner of plans, as large as the largest plan wanted it so far.
#pragma once

#include <odt/exec/cuda/machine/memory.hpp>
#include <odt/exec/cuda/plan_memory.hpp>

#include <cstddef>
#include <cstdint>

namespace odt::cuda {

/// T is the activations' type.
template <class T>
struct runner_memory {
  device_array<float> arena, tables, scratch, side_scratch, shared, side_shared;
  device_array<T> padded, patches;
  int generation = 0;  ///< changes when something moved

  void reserve(const plan_needs& needs) {
    grow(arena, needs.arena);
    grow(tables, needs.tables);
    grow(scratch, needs.scratch);
    grow(side_scratch, needs.side_scratch);
    grow(shared, needs.shared);
    grow(side_shared, needs.side_shared);
    grow(padded, needs.padded);
    grow(patches, needs.patches);
  }

  std::size_t bytes() const {
    return arena.bytes() + tables.bytes() + scratch.bytes() + side_scratch.bytes() + shared.bytes() +
           side_shared.bytes() + padded.bytes() + patches.bytes();
  }

 private:
  template <class E>
  void grow(device_array<E>& memory, std::int64_t elements) {
    if (memory.size() >= static_cast<std::size_t>(elements)) return;
    check(cudaDeviceSynchronize(), "cudaDeviceSynchronize");
    memory = {};
    memory = device_array<E>(static_cast<std::size_t>(elements));
    ++generation;
  }
};

}  // namespace odt::cuda
