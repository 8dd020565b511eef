// SPDX-License-Identifier: MIT
#pragma once

#include <odt/core/target.hpp>
#include <odt/exec/cpu/convolution/packed_weights.hpp>

#include <algorithm>
#include <utility>

namespace odt::cpu {
inline namespace ODT_ISA {

ODT_INLINE void packed_weights::reserve(const std::vector<request>& wanted) {
  std::vector<std::pair<slot*, std::size_t>> missing;
  std::size_t bytes = 0;
  for (const request& r : wanted) slots_.resize(std::max(slots_.size(), static_cast<std::size_t>(r.variable) + 1));
  for (const request& r : wanted) {
    slot* const own = &slot_of(r);
    const auto same = [own](const auto& one) { return one.first == own; };
    if (own->panels || std::ranges::any_of(missing, same)) continue;
    missing.emplace_back(own, bytes);
    bytes += conv_packed_bytes(r.window, r.in, r.out);
  }
  if (missing.empty()) return;
  blocks_.emplace_back(bytes);
  for (const auto& [own, offset] : missing) own->panels = reinterpret_cast<float*>(blocks_.back().data() + offset);
}

ODT_INLINE const float* packed_weights::get(thread_pool& pool, const request& r, const float* weights) {
  slot& s = slot_of(r);
  if (s.version != version_) {
    conv_pack(pool, r.window, r.in, r.out, weights, s.panels);
    s.version = version_;
  }
  return s.panels;
}

ODT_INLINE std::size_t packed_weights::bytes_with(const std::vector<request>& wanted) const {
  packed_weights later;  // the room that is there, without memory
  for (const forms& each : slots_) {
    forms& own = later.slots_.emplace_back();
    for (std::size_t i = 0; i < own.size(); ++i) own[i].version = each[i].panels ? 1 : 0;
  }
  std::size_t sum = bytes();
  for (const request& r : wanted) {
    later.slots_.resize(std::max(later.slots_.size(), static_cast<std::size_t>(r.variable) + 1));
    slot& own = later.slot_of(r);
    if (std::exchange(own.version, 1) == 0) sum += conv_packed_bytes(r.window, r.in, r.out);
  }
  return sum;
}

ODT_INLINE std::size_t packed_weights::bytes() const {
  std::size_t sum = 0;
  for (const arena_memory& block : blocks_) sum += block.size();
  return sum;
}

}  // namespace ODT_ISA
}  // namespace odt::cpu
