// SPDX-License-Identifier: MIT
// Outlined objects in COCO's format of annotations ("instances").
#pragma once

#include <odt/core/image.hpp>
#include <odt/dataset/annotation.hpp>

#include <span>
#include <string>
#include <vector>

namespace odt {

/// A picture and its objects, each with one polygon: x, y, x, y, ... in pixels.
struct outlined_picture {
  std::string file_name;
  size2 size;
  std::vector<annotated_object> objects;
  std::vector<std::vector<double>> outlines;
};

/// The JSON text: pictures, objects and categories are numbered from 1 in their order; areas are those of the polygons'
/// pixels, boxes the objects'. Fails for a name that is no category, and for a number of outlines that is not that of
/// the objects.
std::string instances_text(std::span<const outlined_picture> pictures, std::span<const std::string> categories);

}  // namespace odt

#if defined(ODT_HEADER_ONLY)
#include <odt/dataset/instances_text.ipp>
#endif
