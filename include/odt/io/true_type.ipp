// SPDX-License-Identifier: MIT
#pragma once

#include <odt/core/error.hpp>
#include <odt/core/target.hpp>
#include <odt/io/file.hpp>
#include <odt/io/true_type.hpp>

#include <cmath>
#include <cstdint>
#include <string_view>
#include <vector>

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-function"
#define STBTT_STATIC
#define STB_TRUETYPE_IMPLEMENTATION
#include <stb_truetype.h>
#pragma GCC diagnostic pop

namespace odt {

namespace detail::true_types {

ODT_INLINE const unsigned char* data_of(std::string_view bytes) {
  return reinterpret_cast<const unsigned char*>(bytes.data());
}

/// Whether all tables of the font at `start` lie within the file.
ODT_INLINE bool is_whole(std::string_view bytes, std::size_t start) {
  const auto number = [&](std::size_t at, int count) {
    std::uint64_t value = 0;
    for (int i = 0; i < count; ++i)
      value = value << 8 | static_cast<unsigned char>(bytes[at + static_cast<std::size_t>(i)]);
    return value;
  };
  if (start + 12 > bytes.size()) return false;
  const std::uint64_t tables = number(start + 4, 2);
  if (start + 12 + 16 * tables > bytes.size()) return false;
  for (std::uint64_t i = 0; i < tables; ++i) {
    const std::size_t entry = start + 12 + 16 * i;
    if (number(entry + 8, 4) + number(entry + 12, 4) > bytes.size()) return false;
  }
  return true;
}

/// Characters that take place and show nothing.
ODT_INLINE bool is_space(char32_t c) {
  return c == 0x20 || c == 0xa0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200a) || c == 0x202f || c == 0x205f ||
         c == 0x3000;
}

}  // namespace detail::true_types

struct true_type::state {
  std::string bytes;
  stbtt_fontinfo font;
};

ODT_INLINE true_type::true_type(const std::string& path, int index) : state_(std::make_unique<state>()), index_(index) {
  namespace d = detail::true_types;
  state_->bytes = read_file(path);
  const int start = state_->bytes.size() < 16 ? -1 : ::stbtt_GetFontOffsetForIndex(d::data_of(state_->bytes), index);
  if (start < 0 || static_cast<std::size_t>(start) >= state_->bytes.size())
    fail(path, ": is no TrueType or OpenType font (.ttf, .otf, .ttc)");
  if (!d::is_whole(state_->bytes, static_cast<std::size_t>(start)))
    fail(path, ": the font is cut short or damaged: a table of it lies beyond its ", state_->bytes.size(), " bytes");
  if (!::stbtt_InitFont(&state_->font, d::data_of(state_->bytes), start))
    fail(path, ": the font has no outlines or no table of characters that can be read; choose a .ttf with both");
  const int capital = glyph('H');
  const extent em = bounds(capital);
  constexpr float usual_part_of_em = .72f;
  cap_height_ = capital && em.top > 0 ? em.top : usual_part_of_em / ::stbtt_ScaleForMappingEmToPixels(&state_->font, 1);
}

ODT_INLINE true_type::~true_type() = default;

ODT_INLINE std::string_view true_type::bytes() const { return state_->bytes; }

ODT_INLINE int true_type::glyph(char32_t character) const {
  const int found = ::stbtt_FindGlyphIndex(&state_->font, static_cast<int>(character));
  if (!found || detail::true_types::is_space(character)) return found;
  return ::stbtt_IsGlyphEmpty(&state_->font, found) ? 0 : found;
}

ODT_INLINE float true_type::advance(int glyph) const {
  int width = 0, bearing = 0;
  ::stbtt_GetGlyphHMetrics(&state_->font, glyph, &width, &bearing);
  return static_cast<float>(width);
}

ODT_INLINE true_type::extent true_type::bounds(int glyph) const {
  int left = 0, bottom = 0, right = 0, top = 0;
  if (!::stbtt_GetGlyphBox(&state_->font, glyph, &left, &bottom, &right, &top)) return {};
  return {static_cast<float>(left), static_cast<float>(bottom), static_cast<float>(right), static_cast<float>(top)};
}

ODT_INLINE void true_type::draw(int glyph, float scale, float baseline, float x, coverage& ink) const {
  const float row = std::floor(baseline), column = std::floor(x);
  int left = 0, top = 0, right = 0, bottom = 0;
  ::stbtt_GetGlyphBitmapBoxSubpixel(&state_->font, glyph, scale, scale, x - column, baseline - row, &left, &top, &right,
                                    &bottom);
  const int width = right - left, height = bottom - top;
  if (width <= 0 || height <= 0) return;
  std::vector<unsigned char> parts(static_cast<std::size_t>(width) * static_cast<std::size_t>(height));
  ::stbtt_MakeGlyphBitmapSubpixel(&state_->font, parts.data(), width, height, width, scale, scale, x - column,
                                  baseline - row, glyph);
  for (int i = 0; i < height; ++i)
    for (int j = 0; j < width; ++j) {
      const auto part =
          parts[static_cast<std::size_t>(i) * static_cast<std::size_t>(width) + static_cast<std::size_t>(j)];
      ink.raise(static_cast<int>(row) + top + i, static_cast<int>(column) + left + j, static_cast<float>(part) / 255);
    }
}

}  // namespace odt
