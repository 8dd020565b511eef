// SPDX-License-Identifier: MIT
// A layer's window, and those that its gradients move, as a module's operations want them.
#pragma once

#include <odt/exec/pjrt/module_builder.hpp>
#include <odt/nn/layer.hpp>

#include <algorithm>
#include <cstdint>

namespace odt::pjrt {

/// One axis of a layer's window over `in` places.
struct window_axis {
  std::int64_t in, kernel, stride, rate, before, out;

  std::int64_t reach() const { return (kernel - 1) * rate + 1; }
  std::int64_t spread() const { return (out - 1) * stride + 1; }  ///< places from the first window to the last
};

inline window_axis window_axis_of(const layer& l, bool vertical, std::int64_t in) {
  const int kernel = vertical ? l.kernel_height : l.kernel_width;
  const axis_window at = place_window(static_cast<int>(in), kernel, l.stride, l.rate, l.border);
  return {in, kernel, l.stride, l.rate, at.before, at.out};
}

namespace detail {

template <class Of>
window_move window_of_axes(const layer& l, const extents& map, const Of& of) {
  window_move w;
  for (const std::size_t n : {std::size_t{0}, std::size_t{1}}) of(w, n, window_axis_of(l, n == 0, map[n + 1]));
  return w;
}

}  // namespace detail

/// The layer's own, over maps of that shape.
inline window_move window_of(const layer& l, const extents& map) {
  return detail::window_of_axes(l, map, [](window_move& w, std::size_t n, const window_axis& a) {
    w.size[n] = a.kernel, w.stride[n] = a.stride, w.window_dilation[n] = a.rate;
    w.padding[n] = {a.before, a.spread() - 1 + a.reach() - a.in - a.before};
  });
}

/// That of the gradient of what a layer reads, over the gradient of what it writes.
inline window_move data_window(const layer& l, const extents& map) {
  return detail::window_of_axes(l, map, [](window_move& w, std::size_t n, const window_axis& a) {
    w.size[n] = a.kernel, w.base_dilation[n] = a.stride, w.window_dilation[n] = a.rate;
    const std::int64_t before = a.reach() - 1 - a.before;
    w.padding[n] = {before, a.in + a.reach() - 1 - a.spread() - before};
  });
}

/// That of the gradient of weights: the gradient of what a layer writes moves over what it reads.
inline window_move weights_window(const layer& l, const extents& map) {
  return detail::window_of_axes(l, map, [](window_move& w, std::size_t n, const window_axis& a) {
    w.size[n] = a.out, w.stride[n] = a.rate, w.window_dilation[n] = a.stride;
    w.padding[n] = {a.before, a.reach() - 1 + a.spread() - a.in - a.before};
  });
}

/// How many places of the map each window of a pool covers: [1, out height, out width, 1].
inline std::vector<float> covered(const layer& l, const extents& map) {
  const window_axis vertical = window_axis_of(l, true, map[1]), horizontal = window_axis_of(l, false, map[2]);
  const auto inside = [](const window_axis& a, std::int64_t at) {
    const std::int64_t begin = at * a.stride - a.before;
    return std::min(begin + a.kernel, a.in) - std::max(begin, std::int64_t{0});
  };
  std::vector<float> counts;
  for (std::int64_t y = 0; y < vertical.out; ++y)
    for (std::int64_t x = 0; x < horizontal.out; ++x)
      counts.push_back(static_cast<float>(inside(vertical, y) * inside(horizontal, x)));
  return counts;
}

}  // namespace odt::pjrt
