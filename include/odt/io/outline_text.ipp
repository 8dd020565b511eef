// SPDX-License-Identifier: MIT
#pragma once

#include <odt/core/error.hpp>
#include <odt/core/target.hpp>
#include <odt/core/utf8.hpp>
#include <odt/io/outline_text.hpp>
#include <odt/io/system_fonts.hpp>

#include <algorithm>
#include <cmath>
#include <map>
#include <memory>
#include <mutex>
#include <utility>

namespace odt {

namespace detail::outlines {

/// Characters that only tell others how to appear: joiners, directions, variation selectors.
ODT_INLINE bool is_invisible(char32_t c) {
  return c == 0xad || (c >= 0x200b && c <= 0x200f) || (c >= 0x202a && c <= 0x202e) || (c >= 0x2060 && c <= 0x206f) ||
         (c >= 0xfe00 && c <= 0xfe0f) || c == 0xfeff || (c >= 0xe0000 && c <= 0xe0fff);
}

/// The characters of a text beyond ASCII and all printable ones of ASCII, since names stand beside numbers.
ODT_INLINE std::u32string alphabet_of(std::string_view text) {
  std::u32string all;
  for (char32_t c = U' '; c <= U'~'; ++c) all += c;
  for_each_character(text, [&](char32_t c, std::string_view) {
    if (c >= 0x80 && !is_invisible(c)) all += c;
  });
  std::ranges::sort(all);
  all.erase(std::ranges::unique(all).begin(), all.end());
  return all;
}

/// The fonts that were opened, for as long as the program runs.
class font_book {
 public:
  /// Fonts that have these characters between them, as far as there are any; `named` comes first if it is not empty.
  const std::vector<const true_type*>& fonts_for(const std::u32string& alphabet, const std::string& named) {
    const std::lock_guard lock(mutex_);
    const auto [choice, is_new] = choices_.try_emplace({named, alphabet});
    if (!is_new) return choice->second;
    std::u32string missing = alphabet;
    const auto take = [&](const true_type& font) {
      const auto had = std::erase_if(missing, [&](char32_t c) { return font.glyph(c) != 0; });
      if (had) choice->second.push_back(&font);
    };
    try {
      if (!named.empty()) take(open({named, 0}));
    } catch (...) {
      choices_.erase(choice);
      throw;
    }
    if (missing.empty()) return choice->second;
    for (const font_place& place : system_fonts(missing)) {
      try {
        take(open(place));
      } catch (const error&) {  // there are more
      }
      if (missing.empty()) break;
    }
    return choice->second;
  }

 private:
  const true_type& open(const font_place& place) {
    auto& font = fonts_[{place.path, place.index}];
    if (!font) font = std::make_unique<true_type>(place.path, place.index);
    return *font;
  }

  std::mutex mutex_;
  std::map<std::pair<std::string, int>, std::unique_ptr<const true_type>> fonts_;
  std::map<std::pair<std::string, std::u32string>, std::vector<const true_type*>> choices_;
};

ODT_INLINE const std::vector<const true_type*>& fonts_for(std::string_view text, const std::string& named) {
  static font_book book;
  return book.fonts_for(alphabet_of(text), named);
}

struct letter {
  const true_type* font = nullptr;
  int glyph = 0;
};

ODT_INLINE letter letter_of(char32_t character, const std::vector<const true_type*>& fonts) {
  for (const true_type* font : fonts)
    if (const int glyph = font->glyph(character)) return {font, glyph};
  return {};
}

}  // namespace detail::outlines

ODT_INLINE outline_text::outline_text(std::string_view text, int cap_height, const std::string& font) {
  namespace d = detail::outlines;
  if (text.empty() || cap_height <= 0 || (font.empty() && is_ascii(text))) return;
  const auto& fonts = d::fonts_for(text, font);
  ascent_ = static_cast<float>(cap_height);
  descent_ = ascent_ / 3;
  float at = 0;
  bool any = false;
  for_each_character(text, [&](char32_t c, std::string_view) {
    if (d::is_invisible(c)) return;
    d::letter one = d::letter_of(c, fonts);
    any |= one.font && c >= (font.empty() ? 0x80u : 0u);
    if (!one.font) one = d::letter_of(U'?', fonts);
    if (!one.font) return;
    const float scale = static_cast<float>(cap_height) / one.font->cap_height();
    glyphs_.push_back({one.font, one.glyph, scale, at});
    const true_type::extent box = one.font->bounds(one.glyph);
    left_ = std::min(left_, at + scale * box.left);
    right_ = std::max(right_, at + scale * box.right);
    ascent_ = std::max(ascent_, scale * box.top);
    descent_ = std::max(descent_, -scale * box.bottom);
    at += scale * one.font->advance(one.glyph);
  });
  right_ = std::max(right_, at);
  if (!any) glyphs_.clear();
}

ODT_INLINE size2 outline_text::size() const {
  if (glyphs_.empty()) return {0, 0};
  return {static_cast<int>(std::ceil(ascent_) + std::ceil(descent_)), static_cast<int>(std::ceil(right_ - left_)) + 1};
}

ODT_INLINE void outline_text::draw(image& picture, int y, int x, color ink) const {
  coverage covered(size().height, size().width);
  for (const placed_glyph& g : glyphs_) g.font->draw(g.glyph, g.scale, std::ceil(ascent_), g.x - left_, covered);
  covered.blend(picture, y, x, ink);
}

ODT_INLINE std::string missing_characters(std::string_view text, const std::string& font) {
  namespace d = detail::outlines;
  if (is_ascii(text)) return {};
  const auto& fonts = d::fonts_for(text, font);
  std::string missing;
  for_each_character(text, [&](char32_t c, std::string_view bytes) {
    if (!d::is_invisible(c) && !d::letter_of(c, fonts).font && missing.find(bytes) == std::string::npos)
      missing += bytes;
  });
  return missing;
}

ODT_INLINE bool needs_shaper(std::string_view text) {
  bool needed = false;
  for_each_character(text, [&](char32_t c, std::string_view) {
    const auto within = [c](char32_t first, char32_t last) { return first <= c && c <= last; };
    needed |= within(0x590, 0x8ff)                                  // Hebrew, Arabic, Syriac, Thaana, N'Ko
              || within(0x900, 0xdff)                               // Devanagari to Sinhala
              || within(0x1000, 0x109f)                             // Myanmar
              || within(0x1780, 0x17ff)                             // Khmer
              || within(0xfb1d, 0xfdff) || within(0xfe70, 0xfefc);  // Hebrew's and Arabic's presentation forms
  });
  return needed;
}

}  // namespace odt
