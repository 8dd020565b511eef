// SPDX-License-Identifier: MIT
// Detection in large pictures: in overlapping tiles and in the picture as a whole, so that small objects keep their
// pixels and large ones are seen at once.
#pragma once

#include <odt/core/batch.hpp>
#include <odt/core/image.hpp>
#include <odt/detector.hpp>

#include <vector>

namespace odt {

/// How a picture is cut into tiles.
struct tiling {
  int size = 640;        ///< of a tile's sides, in pixels
  double overlap = 0.2;  ///< least share of a tile's side that its neighbour covers too; less than 1
};

/// The tiles that cover a picture, row by row, spread evenly: all of size x size pixels, but for sides that are as
/// short as the picture's own.
std::vector<pixel_window> tiles_of(size2 picture, const tiling& how);

/// What was found in one window of a picture.
struct window_detections {
  pixel_window window;
  detections found;  ///< normalized to the window
};

/// The detections of all windows, normalized to the picture, by falling score. Of two windows, a box is dropped whose
/// class has one with a higher score that it overlaps with an IoU above one half. Where one of them was cut by the edge
/// of its window and half of the smaller lies in the larger, they are one object, whose box is that of both together
/// (with the first one's mask and box where there are masks).
detections merge_windows(size2 picture, std::vector<window_detections> windows);

/// Detects in the whole picture and in each of its tiles.
detections detect_in_tiles(detector& model, const image& picture, const tiling& how);

}  // namespace odt

#if defined(ODT_HEADER_ONLY)
#include <odt/detect/tiles.ipp>
#endif
