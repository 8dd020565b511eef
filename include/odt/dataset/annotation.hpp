// SPDX-License-Identifier: MIT
// What a person said about one picture, before it becomes a record.
#pragma once

#include <odt/core/image.hpp>
#include <odt/core/text.hpp>
#include <odt/io/unicode.hpp>

#include <charconv>
#include <cmath>
#include <functional>
#include <optional>
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
  float area = 0;     ///< of the object, in square pixels; 0 when it is not given
  bool crowd = false;
  std::function<image(size2 labelled)> mask = {};  ///< makes the object's mask (core/batch.hpp: labels) for the picture
                                                   ///< as it was labelled, or throws; empty: none is given
  bool bounds_of_mask = false;                     ///< the box is the mask's extent, whatever `bounds` is
};

/// All labels of one picture, as they were written.
struct annotation {
  std::string path;      ///< of the file that holds them
  std::string filename;  ///< of the picture, without folder; may be empty
  size2 size;            ///< of the picture, in pixels; 0 x 0 when it is not given
  std::vector<annotated_object> objects;
  std::vector<std::string> problems;  ///< objects that could not be read: "file:line: what; value; what would be right"
  std::vector<std::string> unread = {};  ///< what else says something about objects: "file:line: what"
  std::string folder = {};               ///< that was written before the filename, with "/" between its parts
  std::string place = {};                ///< of the filename: "file:line"
  bool normalized = false;               ///< bounds are shares of the picture's sides, from 0 to 1
  std::string source_id = {};            ///< of the record; empty: the picture's name
  bool verified = false;                 ///< by a person, as labelImg marks it
};

namespace detail {

/// The last part of a path, with either kind of slash.
inline std::string last_part(std::string_view path) {
  const auto slash = path.find_last_of("/\\");
  return std::string(slash == std::string_view::npos ? path : path.substr(slash + 1));
}

/// A number as people write it, also with a plus sign; nothing when it is none, or not finite.
inline std::optional<double> number_in(std::string_view text) {
  if (text.starts_with('+')) text.remove_prefix(1);
  double value = 0;
  const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || status != std::errc{} || end != text.data() + text.size() || !std::isfinite(value))
    return std::nullopt;
  return value;
}

/// " (holds U+00A0 no-break space)" for messages about a text that does not look wrong.
inline std::string deception(std::string_view text) {
  const std::string what = deceptive_character(text);
  return what.empty() ? what : str(" (holds ", what, ")");
}

}  // namespace detail

}  // namespace odt
