// SPDX-License-Identifier: MIT
// The columns that text takes in a terminal, whatever the locale: 0 for combining marks and what is invisible, 2 for
// wide East Asian characters and emoji, else 1 (Unicode 14: EastAsianWidth.txt, and the categories Mn, Me and Cf).
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace odt {

/// Columns of one character.
int display_width(char32_t character);

/// Columns of a line of UTF-8 text. A byte that is no UTF-8 takes one.
std::size_t display_width(std::string_view text);

/// As much of the text's beginning as fits into that many columns, in whole characters with their combining marks.
std::string_view cut_to_width(std::string_view text, std::size_t columns);

/// The text filled up with spaces to that many columns (on its right, or on its left for numbers).
std::string padded(std::string_view text, std::size_t columns, bool left = false);

}  // namespace odt

#if defined(ODT_HEADER_ONLY)
#include <odt/core/display_width.ipp>
#endif
