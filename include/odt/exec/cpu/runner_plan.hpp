// SPDX-License-Identifier: MIT
// What the runner's parts (plans, forward, backward) share.
#pragma once

#include <odt/core/target.hpp>
#include <odt/exec/cpu/kernels.hpp>
#include <odt/exec/cpu/runner.hpp>
#include <odt/nn/layer.hpp>
#include <odt/nn/progress.hpp>

#include <cstdint>
#include <vector>

namespace odt::cpu {
inline namespace ODT_ISA {

namespace detail {

inline shape extents(const tensor_view& v) { return {v.images, v.height, v.width, v.channels}; }

/// The window of a layer over an input of the given size.
inline window window_of(const layer& l, const tensor_view& in, precision compute = precision::fp32) {
  return {l.kernel_height,
          l.kernel_width,
          l.stride,
          l.stride,
          l.rate,
          place_window(in.height, l.kernel_height, l.stride, l.rate, l.border).before,
          place_window(in.width, l.kernel_width, l.stride, l.rate, l.border).before,
          compute};
}

inline position_sensitive_bins bins_of(const layer& l) {
  return {l.bins.height, l.bins.width, l.crop.height, l.crop.width};
}

}  // namespace detail

struct runner::placed_plan {
  plan what;
  arena_layout where;
  std::vector<std::int64_t> finished{};  ///< by operation: see finished_gradients
  std::vector<store_range> unwritten{};  ///< see unwritten_gradients
};

}  // namespace ODT_ISA
}  // namespace odt::cpu
