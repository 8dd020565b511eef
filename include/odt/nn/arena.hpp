// SPDX-License-Identifier: MIT
// Packs a plan's buffers into one piece of memory, so that buffers that live at the same time do not overlap.
#pragma once

#include <odt/nn/plan.hpp>

#include <algorithm>
#include <cstdint>
#include <vector>

namespace odt {

/// Where each buffer begins, in floats, and how many floats there are in all.
struct arena_layout {
  std::vector<std::int64_t> offsets;
  std::int64_t floats = 0;
};

/// Greedy by size: the largest buffer first, each at the lowest place that is free for its whole life. Offsets are
/// multiples of 16 floats (a cache line).
inline arena_layout pack(const plan& p) {
  constexpr std::int64_t line = 16;
  const auto rounded = [](std::int64_t floats) { return (floats + line - 1) / line * line; };
  std::vector<int> order(p.buffers.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = static_cast<int>(i);
  const auto buffer = [&p](int i) -> const plan_buffer& { return p.buffers[static_cast<std::size_t>(i)]; };
  std::ranges::stable_sort(order, [&](int a, int b) { return buffer(a).floats > buffer(b).floats; });

  arena_layout layout;
  layout.offsets.assign(p.buffers.size(), 0);
  std::vector<int> placed;  // by offset
  for (const int i : order) {
    const std::int64_t size = rounded(buffer(i).floats);
    std::int64_t offset = 0;
    for (const int j : placed) {
      if (buffer(j).last < buffer(i).first || buffer(i).last < buffer(j).first) continue;
      const std::int64_t taken = layout.offsets[static_cast<std::size_t>(j)];
      if (offset + size <= taken) break;
      offset = std::max(offset, taken + rounded(buffer(j).floats));
    }
    layout.offsets[static_cast<std::size_t>(i)] = offset;
    layout.floats = std::max(layout.floats, offset + size);
    const auto by_offset = [&](int a, int b) {
      return layout.offsets[static_cast<std::size_t>(a)] < layout.offsets[static_cast<std::size_t>(b)];
    };
    placed.insert(std::ranges::upper_bound(placed, i, by_offset), i);
  }
  return layout;
}

}  // namespace odt
