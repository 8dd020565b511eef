// SPDX-License-Identifier: MIT
// Which anchors of a grid a first stage works with. The grid covers the network's input and hangs over its border.
#pragma once

#include <odt/core/box.hpp>
#include <odt/core/error.hpp>
#include <odt/core/image.hpp>

#include <cstddef>
#include <span>
#include <vector>

namespace odt {

/// The anchors that take part, and whose predictions they are.
struct anchor_selection {
  std::vector<boxf> boxes;  ///< in pixels
  std::vector<int> rows;    ///< of each: its number in the grid, rising
  int all = 0;              ///< anchors of the grid

  int size() const { return static_cast<int>(boxes.size()); }
};

/// All of them, as they are.
inline anchor_selection all_anchors(std::span<const boxf> anchors) {
  anchor_selection kept{{anchors.begin(), anchors.end()}, {}, static_cast<int>(anchors.size())};
  for (int i = 0; i < kept.all; ++i) kept.rows.push_back(i);
  return kept;
}

/// Those that lie wholly inside the window: what a first stage is trained with.
inline anchor_selection prune_outside_window(std::span<const boxf> anchors, const boxf& window) {
  anchor_selection kept;
  kept.all = static_cast<int>(anchors.size());
  for (int i = 0; i < kept.all; ++i) {
    const boxf& a = anchors[static_cast<std::size_t>(i)];
    if (a.ymin < window.ymin || a.xmin < window.xmin || a.ymax > window.ymax || a.xmax > window.xmax) continue;
    kept.boxes.push_back(a);
    kept.rows.push_back(i);
  }
  return kept;
}

/// What of them lies inside the window. Those of which nothing does go if `drop_outside`: so it is in inference, while
/// training with `clip_anchors_to_image` keeps them.
inline anchor_selection clip_to_window(std::span<const boxf> anchors, const boxf& window, bool drop_outside) {
  anchor_selection kept;
  kept.all = static_cast<int>(anchors.size());
  for (int i = 0; i < kept.all; ++i) {
    const boxf clipped = clip(anchors[static_cast<std::size_t>(i)], window);
    if (drop_outside && !(area(clipped) > 0)) continue;
    kept.boxes.push_back(clipped);
    kept.rows.push_back(i);
  }
  return kept;
}

/// Those that a first stage works with on inputs of that size: in training the ones that lie inside, or with
/// `clips` all of them; else what of them lies inside. Throws where there are none.
inline anchor_selection select_anchors(std::span<const boxf> anchors, size2 input, bool trains, bool clips) {
  const boxf window{0, 0, static_cast<float>(input.height), static_cast<float>(input.width)};
  anchor_selection kept =
      trains && !clips ? prune_outside_window(anchors, window) : clip_to_window(anchors, window, !trains);
  if (kept.size() == 0)
    fail("none of the ", anchors.size(), " anchors lies within an image of ", input.height, "x", input.width,
         "; smaller scales, or clip_anchors_to_image: true, are needed");
  return kept;
}

}  // namespace odt
