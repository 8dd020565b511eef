// SPDX-License-Identifier: MIT
// Labels in COCO's JSON of instances (Lin et al., "Microsoft COCO: common objects in context", ECCV 2014).
#pragma once

#include <odt/dataset/annotation.hpp>
#include <odt/io/label_map.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace odt {

/// What a file says, picture by picture.
struct coco_labels {
  std::vector<label_map_item> categories;  ///< with COCO's own ids, which have gaps
  std::vector<annotation> pictures;        ///< in the order of "images", also those without objects
  std::vector<std::string> problems;       ///< annotations of no picture of the file
};

/// The labels of a file: boxes (x, y, width, height in pixels), categories by their names, iscrowd, areas, and with
/// `masks` the segmentations, as polygons or run lengths. source_id is the image's id; captions, key points and all
/// else are not looked at. A text that is no JSON, or lists without the fields that they need, or ids that occur twice,
/// are errors; an annotation that cannot be used is listed in the `problems` of its picture: "file: annotation id:
/// what".
coco_labels read_coco_json(const std::string& path, bool masks);
coco_labels parse_coco_json(std::string_view text, const std::string& path, bool masks);

}  // namespace odt

#if defined(ODT_HEADER_ONLY)
#include <odt/dataset/coco_json.ipp>
#endif
