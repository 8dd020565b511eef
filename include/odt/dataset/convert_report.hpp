// SPDX-License-Identifier: MIT
// What a conversion made, and what it found wrong.
#pragma once

#include <odt/core/image.hpp>
#include <odt/io/label_map.hpp>

#include <cstddef>
#include <string>
#include <unordered_map>
#include <vector>

namespace odt {

/// Something that was not as it should be, and what came of it.
struct conversion_problem {
  /// guessed: taken by a rule though something speaks against it; not_read: it stands in the labels, and nobody asked.
  enum outcome { repaired, box_left_out, picture_left_out, guessed, not_read };

  outcome done;
  std::string text;  ///< "file:line: what; value"
};

/// One set of records.
struct converted_set {
  std::string name;                ///< "train"
  std::vector<std::string> files;  ///< its records
  std::size_t pictures = 0;
  std::size_t without_boxes = 0;   ///< of the pictures: examples of the background
  std::vector<std::size_t> boxes;  ///< by class, in the order of label_map::items
};

struct convert_report {
  std::vector<converted_set> sets;
  label_map classes;
  std::string label_map_path;
  bool label_map_made = false;
  std::vector<size2> picture_sizes;    ///< of all pictures, upright
  std::vector<double> box_sizes;       ///< of all boxes: root of the share of the picture
  std::size_t masks = 0;               ///< boxes with a mask
  std::size_t turned = 0;              ///< pictures turned upright as their EXIF orientation says
  std::size_t repeated_boxes = 0;      ///< of the same class and place as another one of their picture
  std::size_t repeated_pictures = 0;   ///< the bytes of another one
  std::string first_repeated;          ///< "b.jpg is a.jpg"
  std::size_t recoded = 0;             ///< WebP, BMP, GIF and TIFF pictures, encoded anew
  std::size_t without_annotation = 0;  ///< pictures in the folder that nothing was said about; left out
  std::vector<conversion_problem> problems;
  std::unordered_map<std::string, std::string> picture_names;  ///< by the hash of their bytes

  std::size_t count(conversion_problem::outcome) const;

  /// Pictures and boxes that could not be used.
  std::size_t left_out() const {
    return count(conversion_problem::picture_left_out) + count(conversion_problem::box_left_out);
  }

  /// The first `most` problems of each kind, a line each under a heading.
  std::string problems_text(std::size_t most = 20) const;

  /// For people: what was made, boxes by class, sizes, and the first `most` of each kind of problem.
  std::string text(std::size_t most = 20) const;
};

}  // namespace odt

#if defined(ODT_HEADER_ONLY)
#include <odt/dataset/convert_report.ipp>
#endif
