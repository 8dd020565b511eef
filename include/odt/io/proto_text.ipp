// SPDX-License-Identifier: MIT
// For other .ipp files, of this room and of config/: mistakes in protobuf's text format.
#pragma once

#include <odt/core/error.hpp>
#include <odt/core/target.hpp>
#include <odt/core/text.hpp>
#include <odt/io/text_file.hpp>
#include <odt/io/unicode.hpp>

#include <google/protobuf/io/tokenizer.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

namespace odt::detail::proto_text {

/// Keeps the first error with its line and column.
class first_error : public google::protobuf::io::ErrorCollector {
 public:
#if GOOGLE_PROTOBUF_VERSION >= 4022000
  void RecordError(int line, int column, absl::string_view message) override {
#else
  void AddError(int line, int column, const std::string& message) override {
#endif
    if (text.empty()) text = str(line + 1, ":", column + 1, ": ", std::string_view(message));
  }

  std::string text;
};

/// "file:line:column", from 1; the column counts bytes.
ODT_INLINE std::string place_in(std::string_view text, std::string_view file, std::size_t at) {
  return str(file, ":", line_of(text, at), ":", at - (text.substr(0, at).rfind('\n') + 1) + 1);  // npos + 1 is 0
}

/// The end of a comment or of a quoted string that begins at text[at], else at + 1.
ODT_INLINE std::size_t end_of_piece(std::string_view text, std::size_t at) {
  const char c = text[at];
  if (c == '#') return std::min(text.find('\n', at), text.size());
  if (c != '"' && c != '\'') return at + 1;
  for (++at; at < text.size() && text[at] != c && text[at] != '\n'; ++at)
    if (text[at] == '\\' && at + 1 < text.size()) ++at;
  return std::min(at + 1, text.size());
}

/// Refuses a character that is not ASCII outside of quotes and comments, of which protobuf tells the number only.
ODT_INLINE void check_characters(std::string_view text, std::string_view file) {
  for (std::size_t at = 0; at < text.size(); at = end_of_piece(text, at))
    if (const std::string advice = character_advice(text, at); !advice.empty())
      fail(place_in(text, file, at), ": ", advice);
}

/// Refuses a brace that is never closed, and says which.
ODT_INLINE void check_braces(std::string_view text, std::string_view file) {
  std::vector<std::size_t> open;
  for (std::size_t at = 0; at < text.size(); at = end_of_piece(text, at)) {
    if (text[at] == '{') open.push_back(at);
    if (text[at] == '}' && !open.empty()) open.pop_back();
  }
  if (!open.empty())
    fail(place_in(text, file, text.size()), ": expected \"}\", which closes the \"{\" of line ",
         line_of(text, open.back()), ", found the end of the text");
}

}  // namespace odt::detail::proto_text
