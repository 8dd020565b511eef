// SPDX-License-Identifier: MIT
#pragma once

#include <odt/core/box.hpp>
#include <odt/core/crop.hpp>
#include <odt/core/error.hpp>
#include <odt/core/target.hpp>
#include <odt/detect/tiles.hpp>

#include <algorithm>
#include <cmath>
#include <functional>
#include <utility>

namespace odt {

namespace detail::tiles {

/// Where the tiles of a side begin.
ODT_INLINE std::vector<int> starts(int side, const tiling& how) {
  if (side <= how.size) return {0};
  const double step = std::max(1., (1 - how.overlap) * how.size);
  const int gaps = static_cast<int>(std::ceil((side - how.size) / step));
  std::vector<int> all;
  for (int i = 0; i <= gaps; ++i)
    all.push_back(static_cast<int>(std::lround(static_cast<double>(side - how.size) * i / gaps)));
  return all;
}

ODT_INLINE image cut_out(const image& picture, const pixel_window& window) {
  image tile(window.size.height, window.size.width, picture.channels);
  for (int y = 0; y < tile.height; ++y)
    std::copy_n(picture.at(window.top + y, window.left), static_cast<std::size_t>(tile.width) * tile.channels,
                tile.at(y, 0));
  return tile;
}

/// A detection of a window, normalized to the picture.
struct candidate {
  detection found;
  std::size_t window = 0;
  bool cut = false;  ///< ends at an edge of its window that is none of the picture's
};

ODT_INLINE candidate from_window(size2 picture, const pixel_window& w, std::size_t number, detection found) {
  constexpr float edge = 0.01f;  // of the window's side
  const boxf& b = found.bounds;
  const bool cut = (w.top > 0 && b.ymin < edge) || (w.left > 0 && b.xmin < edge) ||
                   (w.top + w.size.height < picture.height && b.ymax > 1 - edge) ||
                   (w.left + w.size.width < picture.width && b.xmax > 1 - edge);
  const boxf frame = normalized(w, picture);
  found.bounds = {frame.ymin + b.ymin * height(frame), frame.xmin + b.xmin * width(frame),
                  frame.ymin + b.ymax * height(frame), frame.xmin + b.xmax * width(frame)};
  return {std::move(found), number, cut};
}

ODT_INLINE bool same_object(const candidate& a, const candidate& b) {
  if (a.window == b.window || a.found.label != b.found.label) return false;
  const float shared = intersection(a.found.bounds, b.found.bounds);
  const float smaller = std::min(area(a.found.bounds), area(b.found.bounds));
  return iou(a.found.bounds, b.found.bounds) > 0.5f || ((a.cut || b.cut) && shared > 0.5f * smaller);
}

/// Makes of `kept` the box of both, where one of them is but a part.
ODT_INLINE void join(candidate& kept, const candidate& other) {
  if ((!kept.cut && !other.cut) || !kept.found.mask.pixels.empty()) return;
  boxf& a = kept.found.bounds;
  const boxf& b = other.found.bounds;
  a = {std::min(a.ymin, b.ymin), std::min(a.xmin, b.xmin), std::max(a.ymax, b.ymax), std::max(a.xmax, b.xmax)};
  kept.cut = kept.cut && other.cut;
}

}  // namespace detail::tiles

ODT_INLINE std::vector<pixel_window> tiles_of(size2 picture, const tiling& how) {
  if (how.size < 1 || !(how.overlap >= 0 && how.overlap < 1))
    fail("tiles of ", how.size, " pixels that overlap by ", how.overlap,
         " cannot be cut; a positive size and an overlap from 0 to below 1 are needed");
  std::vector<pixel_window> all;
  const size2 size{std::min(how.size, picture.height), std::min(how.size, picture.width)};
  for (const int top : detail::tiles::starts(picture.height, how))
    for (const int left : detail::tiles::starts(picture.width, how)) all.push_back({top, left, size});
  return all;
}

ODT_INLINE detections merge_windows(size2 picture, std::vector<window_detections> windows) {
  namespace d = detail::tiles;
  std::vector<d::candidate> all, kept;
  for (std::size_t i = 0; i < windows.size(); ++i)
    for (detection& found : windows[i].found)
      all.push_back(d::from_window(picture, windows[i].window, i, std::move(found)));
  std::ranges::stable_sort(all, std::greater(), [](const d::candidate& c) { return c.found.score; });
  for (d::candidate& one : all) {
    const auto same = std::ranges::find_if(kept, [&](const d::candidate& k) { return d::same_object(k, one); });
    if (same == kept.end())
      kept.push_back(std::move(one));
    else
      d::join(*same, one);
  }
  detections result;
  for (d::candidate& one : kept) result.push_back(std::move(one.found));
  return result;
}

ODT_INLINE detections detect_in_tiles(detector& model, const image& picture, const tiling& how) {
  std::vector<window_detections> windows{{{0, 0, picture.size()}, model.detect(picture)}};
  for (const pixel_window& tile : tiles_of(picture.size(), how))
    if (tile.size != picture.size()) windows.push_back({tile, model.detect(detail::tiles::cut_out(picture, tile))});
  return merge_windows(picture.size(), std::move(windows));
}

}  // namespace odt
