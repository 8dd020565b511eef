// SPDX-License-Identifier: MIT
#pragma once

#include <odt/core/target.hpp>
#include <odt/core/text.hpp>
#include <odt/core/utf8.hpp>
#include <odt/io/imported.hpp>
#include <odt/io/system_fonts.hpp>

#include <memory>

#if defined(ODT_HAS_FONTCONFIG)
#include <fontconfig/fontconfig.h>
#endif

namespace odt {

namespace detail::system_font {

#if defined(ODT_HAS_FONTCONFIG)

/// libfontconfig, if it is there.
struct library {
  void* handle = ::dlopen("libfontconfig.so.1", RTLD_NOW | RTLD_LOCAL);

#define ODT_IMPORT(name) imported<decltype(::name)> name{handle, #name};  // NOLINT(bugprone-macro-parentheses)
  ODT_IMPORT(FcInit)
  ODT_IMPORT(FcPatternCreate)
  ODT_IMPORT(FcPatternDestroy)
  ODT_IMPORT(FcPatternAddCharSet)
  ODT_IMPORT(FcPatternAddString)
  ODT_IMPORT(FcPatternGetBool)
  ODT_IMPORT(FcPatternGetCharSet)
  ODT_IMPORT(FcPatternGetInteger)
  ODT_IMPORT(FcPatternGetString)
  ODT_IMPORT(FcCharSetCreate)
  ODT_IMPORT(FcCharSetAddChar)
  ODT_IMPORT(FcCharSetHasChar)
  ODT_IMPORT(FcCharSetDestroy)
  ODT_IMPORT(FcConfigSubstitute)
  ODT_IMPORT(FcDefaultSubstitute)
  ODT_IMPORT(FcFontSort)
  ODT_IMPORT(FcFontSetDestroy)
#undef ODT_IMPORT

  bool ready;

  library() : ready(handle && FcFontSetDestroy.call && FcInit()) {}

  static const library& instance() {
    static const library loaded;
    return loaded;
  }
};

/// Whether the font has outlines of one of the characters, and no colours of its own.
ODT_INLINE bool suits(const library& fc, FcPattern* font, std::u32string_view characters) {
  FcBool outlines = FcFalse, colours = FcFalse;
  fc.FcPatternGetBool(font, FC_OUTLINE, 0, &outlines);
  fc.FcPatternGetBool(font, FC_COLOR, 0, &colours);
  FcCharSet* has = nullptr;
  if (!outlines || colours || fc.FcPatternGetCharSet(font, FC_CHARSET, 0, &has) != FcResultMatch) return false;
  for (const char32_t c : characters)
    if (fc.FcCharSetHasChar(has, c)) return true;
  return false;
}

#endif

/// The package of Debian and Ubuntu with a font that has the character.
ODT_INLINE std::string_view package_of(char32_t c) {
  const auto within = [c](char32_t first, char32_t last) { return first <= c && c <= last; };
  if (within(0x1100, 0x11ff) || within(0x2e80, 0xa4cf) || within(0xa960, 0xa97f) || within(0xac00, 0xd7ff) ||
      within(0xf900, 0xfaff) || within(0xfe30, 0xfe4f) || within(0xff00, 0xffef) || within(0x20000, 0x3ffff))
    return "fonts-noto-cjk";
  return within(0x2600, 0x27bf) || within(0x1f000, 0x1faff) ? "fonts-symbola, for emoji of Unicode 9"
                                                            : "fonts-noto-core";
}

}  // namespace detail::system_font

ODT_INLINE std::vector<font_place> system_fonts([[maybe_unused]] std::u32string_view characters) {
  std::vector<font_place> places;
#if defined(ODT_HAS_FONTCONFIG)
  namespace d = detail::system_font;
  const d::library& fc = d::library::instance();
  if (!fc.ready) return places;
  FcPattern* const wanted = fc.FcPatternCreate();
  FcCharSet* const set = fc.FcCharSetCreate();
  for (const char32_t c : characters) fc.FcCharSetAddChar(set, c);
  fc.FcPatternAddCharSet(wanted, FC_CHARSET, set);
  fc.FcPatternAddString(wanted, FC_FAMILY, reinterpret_cast<const FcChar8*>("sans-serif"));
  fc.FcConfigSubstitute(nullptr, wanted, FcMatchPattern);
  fc.FcDefaultSubstitute(wanted);
  FcResult result = FcResultNoMatch;
  if (FcFontSet* const found = fc.FcFontSort(nullptr, wanted, FcFalse, nullptr, &result)) {
    for (int i = 0; i < found->nfont; ++i) {
      FcChar8* path = nullptr;
      int index = 0;
      if (!d::suits(fc, found->fonts[i], characters) ||
          fc.FcPatternGetString(found->fonts[i], FC_FILE, 0, &path) != FcResultMatch)
        continue;
      fc.FcPatternGetInteger(found->fonts[i], FC_INDEX, 0, &index);
      places.push_back({reinterpret_cast<const char*>(path), index & 0xffff});  // above: an instance of a variable font
    }
    fc.FcFontSetDestroy(found);
  }
  fc.FcCharSetDestroy(set);
  fc.FcPatternDestroy(wanted);
#endif
  return places;
}

ODT_INLINE std::string font_advice(std::string_view missing) {
  std::size_t first = 0;
  const char32_t c = next_character(missing, first);
  const std::string_view package = detail::system_font::package_of(c);
#if defined(ODT_HAS_FONTCONFIG)
  if (!detail::system_font::library::instance().ready)
    return str("install fontconfig and a font (Debian's libfontconfig1, ", package, "), or name a font file by --font");
  return str("install a font that has them (Debian's ", package, "), or name a font file by --font");
#else
  return str("name a font file by --font (Debian's ", package,
             " has one); this program was compiled without fontconfig (libfontconfig-dev) and finds none by itself");
#endif
}

}  // namespace odt
