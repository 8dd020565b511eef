// SPDX-License-Identifier: MIT
// From picture files to pictures with boxes, and a list of what was found.
#pragma once

#include <odt/train/model_setup.hpp>

#include <cstddef>
#include <string>
#include <vector>

namespace odt {

struct detect_options {
  std::string output;           ///< directory for the pictures and detections.json
  float min_score = 0.5f;       ///< of boxes in the pictures; detections.json has all that the config lets through
  int max_boxes = 100;          ///< in a picture
  bool skip_bad_images = true;  ///< report and go on, or stop
  std::string font;             ///< a font file for class names; empty: the system's (see draw_options)
};

struct detect_summary {
  std::size_t images = 0;
  std::size_t boxes = 0;         ///< drawn
  float best_score = 0;          ///< of all that was found, drawn or not
  std::vector<std::string> bad;  ///< messages of images that could not be read
};

/// The image files that the arguments stand for: files, directories (all pictures in them by is_picture_name, so
/// without hidden files), patterns.
std::vector<std::string> find_images(const std::vector<std::string>& arguments);

/// Detects in every image (turned upright by its EXIF orientation) and writes output/<name> with boxes, masks and
/// labels (as JPEG or PNG), and output/detections.json, which says as "drawn" which file shows which image. An image
/// that cannot be read ends the run only without skip_bad_images.
detect_summary detect_images(const ready_detector& detector, const std::vector<std::string>& images,
                             const detect_options& how);

}  // namespace odt

#if defined(ODT_HEADER_ONLY)
#include <odt/train/detect_images.ipp>
#endif
