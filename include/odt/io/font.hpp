// SPDX-License-Identifier: MIT
// Text in pictures. Printable ASCII is drawn by a font of strokes, sharp at any size, that is part of the library; a
// text with other characters by the fonts that have them (see outline_text.hpp), and without any by question marks.
#pragma once

#include <odt/core/image.hpp>
#include <odt/io/coverage.hpp>

#include <string>
#include <string_view>

namespace odt {

/// Pixels that a line of text takes when its capitals are `cap_height` pixels high: its width, and the height from the
/// top of a capital, or of what is higher, to the lowest descender. `font`: a font file for characters beyond ASCII,
/// that comes before the system's fonts; may be empty.
size2 text_size(std::string_view text, int cap_height, const std::string& font = {});

/// Draws a line of UTF-8 text with the top left corner of its size at (y, x). What lies outside the picture is left
/// out. For images with three channels.
void draw_text(image& picture, int y, int x, std::string_view text, int cap_height, color ink,
               const std::string& font = {});

}  // namespace odt

#if defined(ODT_HEADER_ONLY)
#include <odt/io/font.ipp>
#endif
