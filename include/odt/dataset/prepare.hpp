// SPDX-License-Identifier: MIT
// One labelled picture to one example.
#pragma once

#include <odt/dataset/annotation.hpp>
#include <odt/dataset/convert_report.hpp>
#include <odt/io/example.hpp>
#include <odt/io/image_file.hpp>
#include <odt/io/label_map.hpp>

#include <optional>
#include <string>
#include <vector>

namespace odt {

/// The example that a picture and its labels make, and what was wrong with them.
struct prepared_picture {
  std::optional<example> record;  ///< empty when the picture is left out
  bool turned = false;            ///< upright now, and encoded anew
  bool recoded = false;           ///< a WebP, now JPEG of quality 95, or a BMP, GIF or TIFF, now PNG
  std::vector<conversion_problem> problems;
};

/// On which picture boxes were drawn where its size does not tell: as viewers show it, turned upright as its EXIF
/// orientation says, or as it is stored (labelImg before 1.8.4).
enum class labels_of_turned { upright, stored };

/// Reads and decodes the picture (damage is found here, not in training), turns it upright, and checks its labels: see
/// convert_voc for what is repaired and what is left out. Does not throw for what is wrong with the picture.
prepared_picture prepare_picture(const annotation& source, const std::string& picture_path, const label_map& classes,
                                 labels_of_turned turned = labels_of_turned::upright);

/// The labels with their boxes as they lie in the upright picture with that header, whose size they get; boxes beyond
/// it are left as they are. `guesses` gets what prepare_picture would report. Throws where the labels' size contradicts
/// the picture.
annotation upright_labels(annotation source, const std::string& picture_path, const image_info& info,
                          labels_of_turned turned, std::vector<std::string>& guesses);

/// Where a box of a stored picture lies once the picture is turned upright; `stored` is the size before.
pixel_box turn_upright(const pixel_box& b, int orientation, size2 stored);

}  // namespace odt

#if defined(ODT_HEADER_ONLY)
#include <odt/dataset/prepare.ipp>
#endif
