// SPDX-License-Identifier: MIT
// What was found, in the files that people's other programs read.
#pragma once

#include <odt/io/label_map.hpp>
#include <odt/train/evaluator.hpp>

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace odt {

enum class detection_format : std::uint8_t {
  json,      ///< detections.json: COCO's result format with names beside the numbers (coco_results)
  csv,       ///< detections.csv: filename, width, height, class, xmin, ymin, xmax, ymax, score
  voc,       ///< Annotations/<picture>.xml
  coco,      ///< instances.json: COCO's format of labelled sets, with scores
  labelimg,  ///< <picture>.xml
  yolo       ///< labels/<picture>.txt: class (from 0), centre and size, normalized; and classes.txt
};

struct detection_format_name {
  std::string_view name;
  detection_format format;
};

inline constexpr std::array<detection_format_name, 6> detection_format_names{{{"json", detection_format::json},
                                                                              {"csv", detection_format::csv},
                                                                              {"voc", detection_format::voc},
                                                                              {"coco", detection_format::coco},
                                                                              {"labelimg", detection_format::labelimg},
                                                                              {"yolo", detection_format::yolo}}};

/// The paths that write_detections will write for pictures with these names, which have no ending.
std::vector<std::string> detection_paths(detection_format format, const std::string& directory,
                                         std::span<const std::string> pictures);

/// Writes the results of pictures, all that are given. Boxes are clipped to the picture but in detections.json.
/// `pictures` are the names without ending of those in `results`, each another; `directory` is there.
void write_detections(detection_format format, const std::string& directory, std::span<const std::string> pictures,
                      std::span<const image_result> results, const label_map& labels);

}  // namespace odt

#if defined(ODT_HEADER_ONLY)
#include <odt/detect/detection_files.ipp>
#endif
