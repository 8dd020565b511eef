// SPDX-License-Identifier: MIT
// Hands out pieces of scratch memory.
#pragma once

#include <cstddef>
#include <cstdint>

namespace odt::cuda {

/// Pieces are 256-byte aligned; with a null start it only measures.
class scratch_space {
 public:
  explicit scratch_space(void* start) : start_(static_cast<std::byte*>(start)) {}

  template <class T>
  T* take(std::int64_t count) {
    std::byte* at = start_ ? start_ + used_ : nullptr;
    used_ += (count * static_cast<std::int64_t>(sizeof(T)) + 255) / 256 * 256;
    return reinterpret_cast<T*>(at);
  }
  std::int64_t used() const { return used_; }

 private:
  std::byte* start_;
  std::int64_t used_ = 0;
};

}  // namespace odt::cuda
