// SPDX-License-Identifier: MIT
// Where an object's mask goes when its picture follows a recipe and becomes the network's input. Crops, flips, pads and
// resizing move rows and columns, each by itself, so that two lists tell it for all masks of a picture.
#pragma once

#include <odt/core/image.hpp>
#include <odt/core/recipe.hpp>

#include <vector>

namespace odt {

/// Of each row and column of the network's input, the one of the record's picture that it comes from; -1: none, it is
/// padding.
struct mask_map {
  std::vector<int> rows, columns;
};

/// The map of a picture of that size that follows the steps, is resized to `inner` (masks by nearest neighbour, as the
/// API does) and lies in the top left of `outer`.
mask_map map_masks(const recipe& steps, size2 size, size2 inner, size2 outer);

/// Fills `out` with the mask as it lies in the network's input: 0 in the padding. The mask is as large as the picture
/// that the map is for.
void move_mask(const mask_map& map, const image& mask, image& out);

}  // namespace odt

#if defined(ODT_HEADER_ONLY)
#include <odt/core/mask_map.ipp>
#endif
