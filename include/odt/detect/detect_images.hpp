// SPDX-License-Identifier: MIT
// From picture and video files to the same with boxes, and lists of what was found.
#pragma once

#include <odt/detect/detection_files.hpp>
#include <odt/detect/finder.hpp>
#include <odt/io/draw.hpp>

#include <cstddef>
#include <string>
#include <vector>

namespace odt {

struct detect_options {
  std::string output{};    ///< directory for the pictures and lists
  float min_score = 0.5f;  ///< of boxes in the pictures and lists; detections.json has all that the config lets through
  int max_boxes = 100;     ///< in a picture
  bool skip_bad_images = true;  ///< report and go on, or stop
  std::string font{};           ///< a font file for class names; empty: the system's (see draw_options)
  bool draw = true;             ///< write the pictures and videos
  std::vector<detection_format> formats{detection_format::json};
  bool overwrite = false;  ///< lists of single pictures that are there
};

struct detect_summary {
  std::size_t images = 0;        ///< and frames
  std::size_t boxes = 0;         ///< drawn
  float best_score = 0;          ///< of all that was found, drawn or not
  std::vector<std::string> bad;  ///< messages of files that could not be read
};

/// The picture and video files that the arguments stand for: files, directories (all pictures in them by
/// is_picture_name, so without hidden files), patterns.
std::vector<std::string> find_images(const std::vector<std::string>& arguments);

/// Detects in every image (turned upright by its EXIF orientation) and in every frame of every video. Writes
/// output/<name> with boxes, masks and labels (as JPEG, PNG or MP4), and lists in the formats that are asked for;
/// detections.json says as "drawn" which file shows which image. A file that cannot be read ends the run only without
/// skip_bad_images. Neither an input nor, without `overwrite`, a list of a single picture is replaced.
detect_summary detect_images(const finder& find, const std::vector<std::string>& files, const detect_options& how);

}  // namespace odt

#if defined(ODT_HEADER_ONLY)
#include <odt/detect/detect_images.ipp>
#endif
