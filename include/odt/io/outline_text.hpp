// SPDX-License-Identifier: MIT
// Text in any script by the outlines of fonts: of the font that is named, then of the system's (see system_fonts.hpp),
// each character by the first that has it.
//
// It is set character by character from the left, except for scripts that need a shaper (Arabic, Hebrew, Devanagari and
// other Indic ones): runs of them are set by HarfBuzz where there is one (see shaping.hpp), each in its direction, one
// run after the other from the left. Without it their letters stand apart and in the order in which they are stored.
#pragma once

#include <odt/core/image.hpp>
#include <odt/io/coverage.hpp>
#include <odt/io/true_type.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace odt {

/// A line of UTF-8 text, set.
class outline_text {
 public:
  /// With capitals of that many pixels. `font` is a font file or empty; one that cannot be read is an error.
  outline_text(std::string_view text, int cap_height, const std::string& font);

  /// Whether there is nothing to be drawn: no font has any of its characters, or it is ASCII and no font is named.
  bool empty() const { return glyphs_.empty(); }

  /// In pixels, from the top of a capital, or of what is higher, to the lowest descender.
  size2 size() const;

  /// With its top left corner at (y, x).
  void draw(image& picture, int y, int x, color ink) const;

 private:
  struct placed_glyph {
    const true_type* font;
    int glyph;
    float scale, x, y;  ///< y: above the baseline
  };

  void place(const true_type& font, int glyph, float scale, float x, float y);

  std::vector<placed_glyph> glyphs_;
  float left_ = 0, right_ = 0, ascent_ = 0, descent_ = 0;
};

/// Those of the text's characters that neither the font nor the system's fonts have, each once; empty for ASCII.
std::string missing_characters(std::string_view text, const std::string& font);

}  // namespace odt

#if defined(ODT_HEADER_ONLY)
#include <odt/io/outline_text.ipp>
#endif
