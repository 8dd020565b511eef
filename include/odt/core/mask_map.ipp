// SPDX-License-Identifier: MIT
#pragma once

#include <odt/core/mask_map.hpp>
#include <odt/core/resize_taps.hpp>
#include <odt/core/target.hpp>

#include <algorithm>
#include <cstddef>
#include <numeric>

namespace odt {

namespace detail::masks {

using lines = std::vector<int>;  ///< rows or columns, by where they come from

inline constexpr int padding = -1;

ODT_INLINE lines all_of(int count) {
  lines all(static_cast<std::size_t>(count));
  std::iota(all.begin(), all.end(), 0);
  return all;
}

ODT_INLINE lines cropped(const lines& from, int first, int count) {
  return {from.begin() + first, from.begin() + first + count};
}

ODT_INLINE lines padded(const lines& from, int first, int count) {
  lines to(static_cast<std::size_t>(count), padding);
  std::ranges::copy(from, to.begin() + first);
  return to;
}

ODT_INLINE lines resized(const lines& from, int count) {
  const resize_axis axis(resize_method::nearest_neighbor, static_cast<int>(from.size()), count);
  lines to(static_cast<std::size_t>(count));
  for (int i = 0; i < count; ++i)
    to[static_cast<std::size_t>(i)] = from[static_cast<std::size_t>(tap_of(axis, i, 0).index)];
  return to;
}

ODT_INLINE void apply(const pixel_op& op, mask_map& map) {
  using enum pixel_op::kind;
  const pixel_window& w = op.window;
  switch (op.what) {
    case crop:
      map.rows = cropped(map.rows, w.top, w.size.height), map.columns = cropped(map.columns, w.left, w.size.width);
      return;
    case pad:
      map.rows = padded(map.rows, w.top, op.canvas.height), map.columns = padded(map.columns, w.left, op.canvas.width);
      return;
    case flip_horizontally:
      std::ranges::reverse(map.columns);
      return;
    case flip_vertically:
      std::ranges::reverse(map.rows);
      return;
    default:
      return;
  }
}

}  // namespace detail::masks

ODT_INLINE mask_map map_masks(const recipe& steps, size2 size, size2 inner, size2 outer) {
  namespace d = detail::masks;
  mask_map map{d::all_of(size.height), d::all_of(size.width)};
  for (const pixel_op& op : steps) d::apply(op, map);
  map.rows = d::padded(d::resized(map.rows, inner.height), 0, outer.height);
  map.columns = d::padded(d::resized(map.columns, inner.width), 0, outer.width);
  return map;
}

ODT_INLINE void move_mask(const mask_map& map, const image& mask, image& out) {
  out.height = static_cast<int>(map.rows.size()), out.width = static_cast<int>(map.columns.size()), out.channels = 1;
  out.pixels.assign(map.rows.size() * map.columns.size(), 0);
  std::uint8_t* to = out.pixels.data();
  for (const int row : map.rows) {
    const std::uint8_t* const from = row == detail::masks::padding ? nullptr : mask.at(row, 0);
    for (const int column : map.columns) {
      if (from && column != detail::masks::padding) *to = from[column];
      ++to;
    }
  }
}

}  // namespace odt
