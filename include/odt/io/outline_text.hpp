// SPDX-License-Identifier: MIT
// Text in any script by the outlines of fonts: of the font that is named, then of the system's (see system_fonts.hpp),
// each character by the first that has it.
//
// It is set character by character from the left. Scripts whose letters change with their neighbours or run from the
// right (Arabic, Hebrew, Devanagari and other Indic ones) would need a shaper: their letters are there, but apart and
// in the order in which they are stored.
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
    float scale, x;
  };

  std::vector<placed_glyph> glyphs_;
  float left_ = 0, right_ = 0, ascent_ = 0, descent_ = 0;
};

/// Those of the text's characters that neither the font nor the system's fonts have, each once; empty for ASCII.
std::string missing_characters(std::string_view text, const std::string& font);

/// Whether the text has letters that only a shaper would set rightly: see the top of this file.
bool needs_shaper(std::string_view text);

}  // namespace odt

#if defined(ODT_HEADER_ONLY)
#include <odt/io/outline_text.ipp>
#endif
