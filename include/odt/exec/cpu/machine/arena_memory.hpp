// SPDX-License-Identifier: MIT
#pragma once

#include <odt/exec/cpu/machine/isa.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>

namespace odt::cpu {
inline namespace ODT_ISA {

/// Memory on huge pages where the system has them; aligned to a cache line, zeroed once.
class arena_memory {
 public:
  arena_memory() = default;
  explicit arena_memory(std::size_t bytes);
  std::byte* data() const { return memory_.get(); }
  std::size_t size() const { return bytes_; }

 private:
  struct release {
    void operator()(std::byte* memory) const;
  };
  std::unique_ptr<std::byte, release> memory_;
  std::size_t bytes_ = 0;
};

/// Bytes that the machine can give without swapping (Linux' MemAvailable); 0 where that is not known.
std::int64_t available_memory();

}  // namespace ODT_ISA
}  // namespace odt::cpu

#if defined(ODT_HEADER_ONLY)
#include <odt/exec/cpu/machine/arena_memory.ipp>
#endif
