// SPDX-License-Identifier: MIT
// What a person said about one picture, before it becomes a record.
#pragma once

#include <odt/core/image.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace odt {

/// A rectangle of a picture, in pixels from its top left corner.
struct pixel_box {
  double xmin = 0, ymin = 0, xmax = 0, ymax = 0;

  friend constexpr bool operator==(const pixel_box&, const pixel_box&) = default;
};

/// One labelled object.
struct annotated_object {
  std::string name;  ///< of its class
  pixel_box bounds;
  bool difficult = false;
  bool truncated = false;
  std::string pose;
  std::string place;  ///< "file:line", for messages
};

/// All labels of one picture, as they were written.
struct annotation {
  std::string path;      ///< of the file that holds them
  std::string filename;  ///< of the picture, without folder; may be empty
  size2 size;            ///< of the picture, in pixels; 0 x 0 when it is not given
  std::vector<annotated_object> objects;
  std::vector<std::string> problems;  ///< objects that could not be read: "file:line: what; value; what would be right"
};

namespace detail {

/// The last part of a path, with either kind of slash.
inline std::string last_part(std::string_view path) {
  const auto slash = path.find_last_of("/\\");
  return std::string(slash == std::string_view::npos ? path : path.substr(slash + 1));
}

}  // namespace detail

}  // namespace odt
