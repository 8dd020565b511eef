// SPDX-License-Identifier: MIT
// Labels as PASCAL VOC and labelImg store them: one XML file a picture.
#pragma once

#include <odt/dataset/annotation.hpp>

#include <string>
#include <string_view>

namespace odt {

/// Reads the labels of one picture, in the encoding that the XML declares. Each <bndbox> of an <object> is a box. What
/// is no such XML is an error with file and line; an object that cannot be read (no name, no box, a coordinate that is
/// no number, another nesting) is listed in `problems` and left out; other shapes and parts of objects are listed in
/// `unread`. A size that is missing or not positive is 0 x 0; whether boxes fit into the picture is not looked at.
annotation read_voc_xml(const std::string& path);
annotation parse_voc_xml(std::string_view text, const std::string& path);

/// The XML that labelImg would write. Coordinates are rounded to whole pixels.
std::string voc_xml_text(const annotation& source);

}  // namespace odt

#if defined(ODT_HEADER_ONLY)
#include <odt/dataset/voc_xml.ipp>
#endif
