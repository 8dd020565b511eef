// SPDX-License-Identifier: MIT
// A font of strokes, sharp at any size: printable ASCII; other characters appear as a question mark.
#pragma once

#include <odt/core/image.hpp>

#include <cstdint>
#include <string_view>

namespace odt {

/// Red, green, blue, 0 to 255.
struct color {
  std::uint8_t red = 0, green = 0, blue = 0;

  friend constexpr bool operator==(const color&, const color&) = default;
};

/// Pixels that a line of text takes when its capitals are `cap_height` pixels high: its width, and the height from the
/// top of a capital to the lowest descender.
size2 text_size(std::string_view text, int cap_height);

/// Draws a line of UTF-8 text with the top left corner of its first capital at (y, x). What lies outside the picture is
/// left out. For images with three channels.
void draw_text(image& picture, int y, int x, std::string_view text, int cap_height, color ink);

}  // namespace odt

#if defined(ODT_HEADER_ONLY)
#include <odt/io/font.ipp>
#endif
