// SPDX-License-Identifier: MIT
// The shapes of a TrueType or OpenType font, by stb_truetype. That library trusts the file: open only fonts that the
// user names or that are installed.
#pragma once

#include <odt/io/coverage.hpp>

#include <memory>
#include <string>
#include <string_view>

namespace odt {

/// One font of a .ttf, .otf or .ttc file. Lengths are in the font's units, y upwards from the baseline.
class true_type {
 public:
  /// Reads the font; `index` counts in a collection. A file that is no such font, or is cut short, is an error.
  explicit true_type(const std::string& path, int index = 0);
  ~true_type();
  true_type(const true_type&) = delete;
  true_type& operator=(const true_type&) = delete;

  /// The number of a character's glyph; 0 when the font has none, or has only a bitmap of it.
  int glyph(char32_t character) const;

  /// Of "H", or what is usual when the font has none.
  float cap_height() const { return cap_height_; }

  float advance(int glyph) const;

  /// The file, and which font of it this is.
  std::string_view bytes() const;
  int index() const { return index_; }

  struct extent {
    float left = 0, bottom = 0, right = 0, top = 0;
  };
  extent bounds(int glyph) const;

  /// Draws a glyph with its origin at (baseline, x), in pixels.
  void draw(int glyph, float scale, float baseline, float x, coverage& ink) const;

 private:
  struct state;
  std::unique_ptr<state> state_;
  int index_;
  float cap_height_;
};

}  // namespace odt

#if defined(ODT_HEADER_ONLY)
#include <odt/io/true_type.ipp>
#endif
