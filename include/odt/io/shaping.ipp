// SPDX-License-Identifier: MIT
#pragma once

#include <odt/core/error.hpp>
#include <odt/core/target.hpp>
#include <odt/core/utf8.hpp>
#include <odt/io/imported.hpp>
#include <odt/io/shaping.hpp>

#if defined(ODT_HAS_HARFBUZZ)
#include <harfbuzz/hb.h>
#endif

namespace odt {

#if defined(ODT_HAS_HARFBUZZ)

namespace detail::shaping {

/// libharfbuzz, if it is there.
struct library {
  void* handle = ::dlopen("libharfbuzz.so.0", RTLD_NOW | RTLD_LOCAL);

#define ODT_IMPORT(name) imported<decltype(::name)> name{handle, #name};  // NOLINT(bugprone-macro-parentheses)
  ODT_IMPORT(hb_blob_create)
  ODT_IMPORT(hb_blob_destroy)
  ODT_IMPORT(hb_face_create)
  ODT_IMPORT(hb_face_destroy)
  ODT_IMPORT(hb_font_create)
  ODT_IMPORT(hb_font_destroy)
  ODT_IMPORT(hb_buffer_create)
  ODT_IMPORT(hb_buffer_destroy)
  ODT_IMPORT(hb_buffer_add_utf8)
  ODT_IMPORT(hb_buffer_guess_segment_properties)
  ODT_IMPORT(hb_buffer_get_glyph_infos)
  ODT_IMPORT(hb_buffer_get_glyph_positions)
  ODT_IMPORT(hb_shape)
#undef ODT_IMPORT

  static const library& instance() {
    static const library loaded;
    return loaded;
  }
};

}  // namespace detail::shaping

#endif

ODT_INLINE bool can_shape() {
#if defined(ODT_HAS_HARFBUZZ)
  return detail::shaping::library::instance().hb_shape.call != nullptr;
#else
  return false;
#endif
}

ODT_INLINE int shaped_script(char32_t c) {
  const auto within = [c](char32_t first, char32_t last) { return first <= c && c <= last; };
  if (within(0x590, 0x8ff) || within(0xfb1d, 0xfdff) || within(0xfe70, 0xfefc)) return 1;  // Hebrew, Arabic, Syriac...
  if (within(0x900, 0xdff)) return 2 + static_cast<int>((c - 0x900) / 0x80);               // Devanagari to Sinhala
  if (within(0x1000, 0x109f)) return 20;                                                   // Myanmar
  return within(0x1780, 0x17ff) ? 21 : 0;                                                  // Khmer
}

ODT_INLINE bool needs_shaper(std::string_view text) {
  bool needed = false;
  for_each_character(text, [&](char32_t c, std::string_view) { needed |= shaped_script(c) != 0; });
  return needed;
}

ODT_INLINE shaped_run shape([[maybe_unused]] const true_type& font, [[maybe_unused]] std::string_view text) {
  shaped_run run;
#if defined(ODT_HAS_HARFBUZZ)
  const auto& hb = detail::shaping::library::instance();
  const auto length = [](std::string_view bytes) { return static_cast<int>(bytes.size()); };
  hb_blob_t* const blob = hb.hb_blob_create(font.bytes().data(), static_cast<unsigned>(font.bytes().size()),
                                            HB_MEMORY_MODE_READONLY, nullptr, nullptr);
  hb_face_t* const face = hb.hb_face_create(blob, static_cast<unsigned>(font.index()));
  hb_font_t* const sized = hb.hb_font_create(face);  // one unit of the font is one of the positions
  hb_buffer_t* const buffer = hb.hb_buffer_create();
  hb.hb_buffer_add_utf8(buffer, text.data(), length(text), 0u, length(text));
  hb.hb_buffer_guess_segment_properties(buffer);
  hb.hb_shape(sized, buffer, nullptr, 0u);
  unsigned count = 0;
  const hb_glyph_info_t* const infos = hb.hb_buffer_get_glyph_infos(buffer, &count);
  const hb_glyph_position_t* const positions = hb.hb_buffer_get_glyph_positions(buffer, &count);
  for (unsigned i = 0; i < count; ++i) {
    const auto& at = positions[i];
    run.glyphs.push_back({static_cast<int>(infos[i].codepoint), run.advance + static_cast<float>(at.x_offset),
                          static_cast<float>(at.y_offset)});
    run.advance += static_cast<float>(at.x_advance);
  }
  hb.hb_buffer_destroy(buffer);
  hb.hb_font_destroy(sized);
  hb.hb_face_destroy(face);
  hb.hb_blob_destroy(blob);
#endif
  return run;
}

}  // namespace odt
