// SPDX-License-Identifier: MIT
// COCO's instances (coco_json.hpp) to the records of the API's create_coco_tf_record: the same files and ids.
#pragma once

#include <odt/dataset/convert.hpp>

#include <string>
#include <vector>

namespace odt {

/// One file of labels with its folder of pictures.
struct coco_set {
  std::string name;         ///< of the records: "coco_train"
  std::string images;       ///< the folder that file names of the JSON are meant from
  std::string annotations;  ///< instances_train2017.json, ...
  int shards = 1;
};

struct coco_options {
  std::vector<coco_set> sets;
  bool include_masks = false;  ///< segmentations become masks
};

/// Makes NAME.record-?????-of-????? of each set: picture i of the JSON goes to shard i modulo their number, pictures
/// without objects among them. A label map that is made has the JSON's categories with their ids, which all sets have
/// to share; where there is one, its ids count, by the categories' names.
/// Left out, or refused (on_bad_example), and named by the ids of image and annotation: annotations of unknown images
/// and categories, boxes without area or outside of their picture, segmentations that do not fit it, and what
/// convert_voc says of pictures. Boxes that reach beyond their picture are clipped (the API leaves them out).
/// Of `how` count label_map, output, masks, overwrite, turned, on_bad_example, threads and progress.
convert_report convert_coco(const coco_options& what, const convert_options& how);

}  // namespace odt

#if defined(ODT_HEADER_ONLY)
#include <odt/dataset/convert_coco.ipp>
#endif
