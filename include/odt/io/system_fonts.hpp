// SPDX-License-Identifier: MIT
// The fonts that are installed, by fontconfig. Its library is loaded when first needed, so that a program runs without
// it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace odt {

/// A font: a file, and which one of the file.
struct font_place {
  std::string path;
  int index = 0;
};

/// Fonts with outlines that have at least one of the characters, those first that have most of them and are usual in
/// this locale. None where there is no fontconfig.
std::vector<font_place> system_fonts(std::u32string_view characters);

/// What to do so that a name can be drawn whose `missing` characters (UTF-8) no font has: the package to install.
std::string font_advice(std::string_view missing);

}  // namespace odt

#if defined(ODT_HEADER_ONLY)
#include <odt/io/system_fonts.ipp>
#endif
