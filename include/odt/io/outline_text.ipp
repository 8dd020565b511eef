// SPDX-License-Identifier: MIT
#pragma once

#include <odt/core/error.hpp>
#include <odt/core/target.hpp>
#include <odt/core/utf8.hpp>
#include <odt/io/outline_text.hpp>
#include <odt/io/shaping.hpp>
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

/// What is set at once: a character, or a run of one script by one font for the shaper.
struct piece {
  std::string_view text;
  letter first;
  int script = 0;  ///< not 0: for the shaper
  bool known = true;
};

/// Spaces between two words of a script belong to its run, and so do invisible characters.
ODT_INLINE std::vector<piece> pieces_of(std::string_view text, const std::vector<const true_type*>& fonts) {
  const bool shaper = can_shape();
  std::vector<piece> pieces;
  const auto extend = [](piece& run, std::string_view to) {
    run.text = {run.text.data(), static_cast<std::size_t>(to.data() + to.size() - run.text.data())};
  };
  for_each_character(text, [&](char32_t c, std::string_view bytes) {
    if (is_invisible(c)) {
      if (!pieces.empty() && pieces.back().script) extend(pieces.back(), bytes);
      return;
    }
    letter one = letter_of(c, fonts);
    const bool known = one.font != nullptr;
    if (!known) one = letter_of(U'?', fonts);
    if (!one.font) return;
    const int script = shaper && known ? shaped_script(c) : 0;
    const auto word =
        std::ranges::find_if(pieces.rbegin(), pieces.rend(), [](const piece& p) { return p.text != " "; });
    if (script && word != pieces.rend() && word->script == script && word->first.font == one.font) {
      extend(*word, bytes);
      pieces.erase(word.base(), pieces.end());
    } else {
      pieces.push_back({bytes, one, script, known});
    }
  });
  return pieces;
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
  for (const d::piece& piece : d::pieces_of(text, fonts)) {
    any |= piece.known && (!font.empty() || !is_ascii(piece.text));
    const float scale = static_cast<float>(cap_height) / piece.first.font->cap_height();
    if (piece.script == 0) {
      place(*piece.first.font, piece.first.glyph, scale, at, 0);
      at += scale * piece.first.font->advance(piece.first.glyph);
      continue;
    }
    const shaped_run run = shape(*piece.first.font, piece.text);
    for (const shaped_glyph& g : run.glyphs) place(*piece.first.font, g.glyph, scale, at + scale * g.x, scale * g.y);
    at += scale * run.advance;
  }
  right_ = std::max(right_, at);
  if (!any) glyphs_.clear();
}

ODT_INLINE void outline_text::place(const true_type& font, int glyph, float scale, float x, float y) {
  glyphs_.push_back({&font, glyph, scale, x, y});
  const true_type::extent box = font.bounds(glyph);
  left_ = std::min(left_, x + scale * box.left);
  right_ = std::max(right_, x + scale * box.right);
  ascent_ = std::max(ascent_, y + scale * box.top);
  descent_ = std::max(descent_, -y - scale * box.bottom);
}

ODT_INLINE size2 outline_text::size() const {
  if (glyphs_.empty()) return {0, 0};
  return {static_cast<int>(std::ceil(ascent_) + std::ceil(descent_)), static_cast<int>(std::ceil(right_ - left_)) + 1};
}

ODT_INLINE void outline_text::draw(image& picture, int y, int x, color ink) const {
  coverage covered(size().height, size().width);
  for (const placed_glyph& g : glyphs_) g.font->draw(g.glyph, g.scale, std::ceil(ascent_) - g.y, g.x - left_, covered);
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

}  // namespace odt
