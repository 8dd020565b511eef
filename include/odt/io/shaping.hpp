// SPDX-License-Identifier: MIT
// Scripts whose letters change with their neighbours, join, or run from the right, set by HarfBuzz. Its library is
// loaded when first needed.
#pragma once

#include <odt/io/true_type.hpp>

#include <string_view>
#include <vector>

namespace odt {

/// Whether the build and this machine have HarfBuzz.
bool can_shape();

/// The script of a character as far as it needs a shaper: equal numbers for equal scripts (Hebrew and Arabic count as
/// one, which runs from the right), 0 for all that can be set letter by letter from the left.
int shaped_script(char32_t character);

/// Whether some character of the text needs a shaper.
bool needs_shaper(std::string_view text);

/// A glyph and where it lies, in the font's units.
struct shaped_glyph {
  int glyph;
  float x, y;
};

struct shaped_run {
  std::vector<shaped_glyph> glyphs;  ///< from the left
  float advance = 0;
};

/// Sets a text of one script. Only where can_shape().
shaped_run shape(const true_type& font, std::string_view text);

}  // namespace odt

#if defined(ODT_HEADER_ONLY)
#include <odt/io/shaping.ipp>
#endif
