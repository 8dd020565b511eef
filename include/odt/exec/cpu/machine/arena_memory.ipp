// SPDX-License-Identifier: MIT
#pragma once

#include <odt/core/target.hpp>
#include <odt/exec/cpu/machine/arena_memory.hpp>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <new>
#include <string>

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace odt::cpu {
inline namespace ODT_ISA {

ODT_INLINE arena_memory::arena_memory(std::size_t bytes) : bytes_(bytes) {
  constexpr std::size_t page = std::size_t{2} << 20;
  const std::size_t alignment = bytes >= page ? page : 64;
  const std::size_t rounded = (bytes + alignment - 1) / alignment * alignment;
  memory_.reset(static_cast<std::byte*>(std::aligned_alloc(alignment, std::max(rounded, alignment))));
  if (!memory_) throw std::bad_alloc();
#if defined(__linux__)
  if (bytes >= page) madvise(memory_.get(), rounded, MADV_HUGEPAGE);
#endif
  std::memset(memory_.get(), 0, bytes);
}

ODT_INLINE void arena_memory::release::operator()(std::byte* memory) const { std::free(memory); }

ODT_INLINE std::int64_t available_memory() {
  std::ifstream file("/proc/meminfo");
  for (std::string line; std::getline(file, line);)
    if (line.starts_with("MemAvailable:")) return std::strtoll(line.c_str() + 13, nullptr, 10) * 1024;
  return 0;
}

}  // namespace ODT_ISA
}  // namespace odt::cpu
