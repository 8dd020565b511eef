// SPDX-License-Identifier: MIT
#pragma once

#include <odt/core/error.hpp>
#include <odt/core/target.hpp>
#include <odt/dataset/coco_json.hpp>
#include <odt/dataset/convert_coco.hpp>
#include <odt/dataset/convert_sets.hpp>
#include <odt/io/file.hpp>

#include <utility>

namespace odt {

namespace detail::coco_sets {

/// The categories of all files, which have to be the same.
ODT_INLINE void share_categories(const coco_labels& labels, const std::string& path, const std::string& first,
                                 label_map& all) {
  label_map own(labels.categories, path + ": categories");
  if (all.empty())
    all = std::move(own);
  else if (!(all == own))
    fail(path, ": its categories are not those of ", first, "; records of one label map need the same ids and names");
}

ODT_INLINE convert::pending_set to_set(coco_labels labels, const coco_set& source, const std::string& output,
                                       convert_report& report) {
  convert::pending_set set{source.name, convert::api_shards(output, source.name, source.shards), {}};
  for (std::string& problem : labels.problems)
    report.problems.push_back({conversion_problem::box_left_out, std::move(problem)});
  for (annotation& picture : labels.pictures) {
    std::string path = join_path(source.images, picture.filename);
    set.pictures.push_back({std::move(picture), std::move(path), 0, set.pictures.size()});
  }
  return set;
}

}  // namespace detail::coco_sets

ODT_INLINE convert_report convert_coco(const coco_options& what, const convert_options& how) {
  namespace d = detail::coco_sets;
  if (what.sets.empty()) fail("annotations, images: COCO's JSON and its folder of pictures are needed");
  if (how.output.empty()) fail("output: a folder for the records is needed");
  const std::string map = how.label_map.empty() ? join_path(how.output, "label_map.pbtxt") : how.label_map;
  const bool makes_map = !file_exists(map);  // else its ids count, and the JSON's may be any
  convert_options options = how;
  convert_report report;
  std::vector<detail::convert::pending_set> sets;
  for (const coco_set& source : what.sets) {
    coco_labels labels = read_coco_json(source.annotations, what.include_masks);
    if (makes_map) d::share_categories(labels, source.annotations, what.sets[0].annotations, report.classes);
    options.ids.push_back(source.annotations);
    sets.push_back(d::to_set(std::move(labels), source, how.output, report));
  }
  make_directories(how.output);
  remove_unfinished(how.output);
  return detail::convert::write_sets(sets, map, options.ids, options, std::move(report));
}

}  // namespace odt
