// SPDX-License-Identifier: MIT
#pragma once

#include <odt/core/target.hpp>
#include <odt/core/text.hpp>
#include <odt/io/decompositions.hpp>
#include <odt/io/unicode.hpp>

#include <algorithm>
#include <array>
#include <cstdio>
#include <unordered_map>
#include <utility>

namespace odt {

namespace detail::unicode {

struct named_character {
  char32_t character;
  std::string_view name;
};

inline constexpr named_character deceptive[] = {{0x00A0, "no-break space"},
                                                {0x00AD, "soft hyphen"},
                                                {0x061C, "Arabic letter mark"},
                                                {0x1680, "Ogham space mark"},
                                                {0x180E, "Mongolian vowel separator"},
                                                {0x2000, "en quad"},
                                                {0x2001, "em quad"},
                                                {0x2002, "en space"},
                                                {0x2003, "em space"},
                                                {0x2004, "three-per-em space"},
                                                {0x2005, "four-per-em space"},
                                                {0x2006, "six-per-em space"},
                                                {0x2007, "figure space"},
                                                {0x2008, "punctuation space"},
                                                {0x2009, "thin space"},
                                                {0x200A, "hair space"},
                                                {0x200B, "zero width space"},
                                                {0x200C, "zero width non-joiner"},
                                                {0x200D, "zero width joiner"},
                                                {0x200E, "left-to-right mark"},
                                                {0x200F, "right-to-left mark"},
                                                {0x2018, "left single quotation mark"},
                                                {0x2019, "right single quotation mark"},
                                                {0x201A, "low single quotation mark"},
                                                {0x201B, "reversed single quotation mark"},
                                                {0x201C, "left double quotation mark"},
                                                {0x201D, "right double quotation mark"},
                                                {0x201E, "low double quotation mark"},
                                                {0x201F, "reversed double quotation mark"},
                                                {0x2028, "line separator"},
                                                {0x2029, "paragraph separator"},
                                                {0x202A, "left-to-right embedding"},
                                                {0x202B, "right-to-left embedding"},
                                                {0x202C, "pop directional formatting"},
                                                {0x202D, "left-to-right override"},
                                                {0x202E, "right-to-left override"},
                                                {0x202F, "narrow no-break space"},
                                                {0x205F, "medium mathematical space"},
                                                {0x2060, "word joiner"},
                                                {0x2066, "left-to-right isolate"},
                                                {0x2067, "right-to-left isolate"},
                                                {0x2068, "first strong isolate"},
                                                {0x2069, "pop directional isolate"},
                                                {0x3000, "ideographic space"},
                                                {0xFEFF, "zero width no-break space"},
                                                {0xFFFD, "replacement character"}};

ODT_INLINE bool is_control(char32_t c) { return (c < 0x20 && c != '\t' && c != '\n') || (c >= 0x7F && c < 0xA0); }

ODT_INLINE bool is_quote(char32_t c) { return c >= 0x2018 && c <= 0x201F; }

ODT_INLINE bool is_space(char32_t c) {
  return c == ' ' || (c >= '\t' && c <= '\r') || c == 0xA0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200A) ||
         c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F || c == 0x3000;
}

/// Neither a letter nor a space: nothing is seen of it.
ODT_INLINE bool is_invisible(char32_t c) {
  return is_control(c) || (is_deceptive(c) && !is_space(c) && !is_quote(c) && c != 0xFFFD);
}

ODT_INLINE const std::unordered_map<char32_t, std::pair<char32_t, char32_t>>& decomposed() {
  static const auto made = [] {
    std::unordered_map<char32_t, std::pair<char32_t, char32_t>> map;
    for (const auto& [mark, pairs] : decompositions)
      for (std::size_t i = 0; i + 1 < pairs.size(); i += 2)
        map.emplace(pairs[i + 1], std::pair<char32_t, char32_t>{pairs[i], mark});
    return map;
  }();
  return made;
}

/// Appends the character taken apart: letters with marks, and Hangul syllables (the Unicode Standard, section 3.12).
ODT_INLINE void decompose(std::u32string& out, char32_t c) {
  if (c >= 0xAC00 && c < 0xAC00 + 11172) {
    const char32_t syllable = c - 0xAC00, last = syllable % 28;
    out += static_cast<char32_t>(0x1100 + syllable / (21 * 28));
    out += static_cast<char32_t>(0x1161 + syllable / 28 % 21);
    if (last) out += static_cast<char32_t>(0x11A7 + last);
    return;
  }
  const auto found = decomposed().find(c);
  if (found == decomposed().end()) {
    out += c;
    return;
  }
  decompose(out, found->second.first);
  out += found->second.second;
}

ODT_INLINE char32_t small_letter(char32_t c) {
  const auto within = [c](char32_t first, char32_t last) { return c >= first && c <= last; };
  if (within('A', 'Z') || (within(0xC0, 0xDE) && c != 0xD7) || within(0x391, 0x3A9) || within(0x410, 0x42F))
    return c + 32;
  if (within(0x400, 0x40F)) return c + 80;
  const bool in_pairs = within(0x100, 0x137) || within(0x14A, 0x177) || within(0x460, 0x481) || within(0x48A, 0x4BF);
  return in_pairs && c % 2 == 0 ? c + 1 : c;
}

enum likeness : unsigned { alike_in_case = 1, alike_decomposed = 2, alike_in_spaces = 4 };

ODT_INLINE std::string fold(std::string_view text, unsigned kinds) {
  std::u32string characters;
  for (std::size_t at = 0; at < text.size();) {
    char32_t c = next_character(text, at);
    if (c == no_character) c = static_cast<unsigned char>(text[at++]);
    if (kinds & alike_in_spaces) {
      if (is_invisible(c)) continue;
      if (is_space(c)) {
        if (!characters.empty() && characters.back() != ' ') characters += ' ';
        continue;
      }
    }
    const std::size_t first = characters.size();
    kinds& alike_decomposed ? decompose(characters, c) : characters.push_back(c);
    if (kinds & alike_in_case)
      for (std::size_t i = first; i < characters.size(); ++i) characters[i] = small_letter(characters[i]);
  }
  if ((kinds & alike_in_spaces) && characters.ends_with(' ')) characters.pop_back();
  std::string out;
  for (const char32_t c : characters) append_character(out, c);
  return out;
}

}  // namespace detail::unicode

ODT_INLINE void append_character(std::string& text, char32_t c) {
  const auto last = [c](int shift) { return static_cast<char>(0x80u | (c >> shift & 0x3Fu)); };
  if (c < 0x80) {
    text += static_cast<char>(c);
  } else if (c < 0x800) {
    text += static_cast<char>(0xC0u | c >> 6);
    text += last(0);
  } else if (c < 0x10000) {
    text += static_cast<char>(0xE0u | c >> 12);
    text += last(6);
    text += last(0);
  } else {
    text += static_cast<char>(0xF0u | c >> 18);
    text += last(12);
    text += last(6);
    text += last(0);
  }
}

ODT_INLINE std::size_t find_not_utf8(std::string_view text) {
  for (std::size_t at = 0; at < text.size();)
    if (next_character(text, at) == no_character) return at;
  return std::string_view::npos;
}

ODT_INLINE std::string character_name(char32_t c) {
  char number[16];
  std::snprintf(number, sizeof number, "U+%04X", static_cast<unsigned>(c));
  if (detail::unicode::is_control(c)) return str(number, " control character");
  const auto known = std::ranges::find(detail::unicode::deceptive, c, &detail::unicode::named_character::character);
  return known == std::end(detail::unicode::deceptive) ? number : str(number, " ", known->name);
}

ODT_INLINE bool is_deceptive(char32_t c) {
  return detail::unicode::is_control(c) ||
         std::ranges::find(detail::unicode::deceptive, c, &detail::unicode::named_character::character) !=
             std::end(detail::unicode::deceptive);
}

ODT_INLINE std::string deceptive_character(std::string_view text) {
  for (std::size_t at = 0; at < text.size();) {
    const char32_t c = next_character(text, at);
    if (c == no_character) return {};
    if (is_deceptive(c)) return character_name(c);
  }
  return {};
}

ODT_INLINE std::string character_advice(std::string_view text, std::size_t offset) {
  const char32_t c = next_character(text, offset);
  if (c < 0x80 || c == no_character) return {};
  const std::string name = character_name(c);
  if (detail::unicode::is_quote(c)) return str("the quote is a typographic one (", name, "); write ' or \"");
  if (detail::unicode::is_space(c)) return str(name, "; write an ordinary space");
  if (detail::unicode::is_invisible(c)) return str(name, ", which cannot be seen; remove it");
  return str("the character ", name, " may stand only within quotes");
}

ODT_INLINE std::string_view trimmed_text(std::string_view text) {
  std::size_t first = text.size(), end = text.size();
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t begin = at;
    const char32_t c = next_character(text, at);
    if (c == no_character) ++at;
    if (detail::unicode::is_space(c) || (c != no_character && detail::unicode::is_invisible(c))) continue;
    first = std::min(first, begin);
    end = at;
  }
  return first == text.size() ? std::string_view() : text.substr(first, end - first);
}

ODT_INLINE std::string folded_text(std::string_view text) {
  namespace d = detail::unicode;
  return d::fold(text, d::alike_in_case | d::alike_decomposed | d::alike_in_spaces);
}

ODT_INLINE std::string_view folded_difference(std::string_view a, std::string_view b) {
  namespace d = detail::unicode;
  const auto alike = [&](unsigned kinds) { return d::fold(a, kinds) == d::fold(b, kinds); };
  if (alike(d::alike_in_case)) return "upper and lower case";
  if (alike(d::alike_decomposed)) return "how accents are stored (as one character or as letter and mark)";
  if (alike(d::alike_in_spaces)) return "spaces or invisible characters";
  return "case, spaces or how accents are stored";
}

}  // namespace odt
