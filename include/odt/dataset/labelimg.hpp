// SPDX-License-Identifier: MIT
// The XML files that labelImg writes, to the byte; and changes of files that are there, which keep what they do not
// concern.
#pragma once

#include <odt/dataset/annotation.hpp>

#include <span>
#include <string>
#include <string_view>

namespace odt {

/// What labelImg says of a picture.
struct labelimg_picture {
  std::string path;  ///< of the file; its folder and name are said too
  size2 size;        ///< upright
  int depth = 3;     ///< 1 of a picture without colours
};

/// Whether labelImg calls a box of that picture truncated: it touches an edge.
bool labelimg_truncates(const pixel_box& bounds, size2 size);

/// The box as labelImg writes it: whole pixels, cut off, from 1 on.
pixel_box labelimg_bounds(const pixel_box& bounds);

/// The file of these objects.
std::string labelimg_text(const labelimg_picture& picture, std::span<const annotated_object> objects, bool verified);

/// A file of labels, and what it is to say now.
struct label_change {
  std::string_view earlier;                 ///< the file's bytes
  std::string path;                         ///< for messages
  std::span<const annotated_object> shown;  ///< its objects, in the file's order, as they lie in the upright picture
  size2 size;                               ///< of the upright picture
  std::span<const annotated_object> wanted;
  bool verified = false;
};

/// The file with these objects. Where it said all of it before, it is the same to the byte. Else it is laid out as
/// labelImg does; objects that are as they were keep their elements, others what is not said here (an object's parts, a
/// pose), and objects that could not be read stay.
std::string changed_labels(const label_change& change);

}  // namespace odt

#if defined(ODT_HEADER_ONLY)
#include <odt/dataset/labelimg.ipp>
#endif
