// SPDX-License-Identifier: MIT
#pragma once

#include <odt/core/picture.hpp>
#include <odt/core/recipe.hpp>
#include <odt/core/target.hpp>

namespace odt {

namespace detail::recipes {

ODT_INLINE void apply(pixel_op op, picture& pixels) {
  using enum pixel_op::kind;
  if (needs_mean(op)) op.color = pixels.mean();
  switch (op.what) {
    case crop:
      return pixels.crop(op.window.top, op.window.left, op.window.size);
    case pad:
      return pixels.pad(op.window.top, op.window.left, op.canvas, op.color);
    case flip_horizontally:
      return pixels.flip_horizontally();
    case flip_vertically:
      return pixels.flip_vertically();
    default:
      return with_color_change(op, [&pixels](auto change) { pixels.recolor(change); });
  }
}

}  // namespace detail::recipes

ODT_INLINE void follow(const recipe& steps, picture& pixels) {
  for (const pixel_op& op : steps) detail::recipes::apply(op, pixels);
}

ODT_INLINE cropped_recipe crop_first(const recipe& steps, size2 size) {
  using enum pixel_op::kind;
  cropped_recipe result{{0, 0, size}, {}};
  pixel_window& all = result.window;
  bool flipped_x = false, flipped_y = false, movable = true;
  for (const pixel_op& op : steps) {
    movable = movable && op.what != pad && !needs_mean(op);
    if (movable && op.what == crop) {
      const pixel_window& w = op.window;
      all.top += flipped_y ? all.size.height - w.top - w.size.height : w.top;
      all.left += flipped_x ? all.size.width - w.left - w.size.width : w.left;
      all.size = w.size;
      continue;
    }
    flipped_x ^= op.what == flip_horizontally;
    flipped_y ^= op.what == flip_vertically;
    result.rest.push_back(op);
  }
  return result;
}

}  // namespace odt
