// SPDX-License-Identifier: MIT
// Characters of UTF-8 text: whether it is any, what cannot be seen in it, and which texts people take for the same.
#pragma once

#include <odt/core/utf8.hpp>

#include <cstddef>
#include <string>
#include <string_view>

namespace odt {

void append_character(std::string& text, char32_t character);

/// Where the text is not UTF-8; npos when all of it is.
std::size_t find_not_utf8(std::string_view text);

/// For messages: "U+00A0 no-break space", "U+4E2D".
std::string character_name(char32_t character);

/// Whether people see nothing, an ordinary space, or an ordinary quote where this character stands: spaces other than
/// the ordinary one, characters without width or that only steer, typographic quotes.
bool is_deceptive(char32_t character);

/// The name of the first deceptive character; empty when there is none. The text is UTF-8.
std::string deceptive_character(std::string_view text);

/// What is wrong with a character where only ASCII may stand, and what to write: "the quote is a typographic one
/// (U+2018 left single quotation mark); write ' or \"", "U+00A0 no-break space; write an ordinary space". Empty for
/// ASCII.
std::string character_advice(std::string_view text, std::size_t offset);

/// Without spaces of any kind and invisible characters at both ends.
std::string_view trimmed_text(std::string_view text);

/// Equal for names that people take for the same: without regard to upper and lower case (Latin, Greek, Cyrillic), to
/// accents as characters of their own (Unicode's decomposition, which macOS stores; Latin, Greek, Cyrillic, kana,
/// Hangul), and to spaces and invisible characters.
std::string folded_text(std::string_view text);

/// What differs between two texts that fold alike, for messages: "upper and lower case".
std::string_view folded_difference(std::string_view a, std::string_view b);

}  // namespace odt

#if defined(ODT_HEADER_ONLY)
#include <odt/io/unicode.ipp>
#endif
