// SPDX-License-Identifier: MIT
#pragma once

#include <odt/core/error.hpp>
#include <odt/core/target.hpp>
#include <odt/dataset/annotation.hpp>
#include <odt/dataset/id_list.hpp>
#include <odt/dataset/picture_folder.hpp>
#include <odt/io/text_file.hpp>
#include <odt/io/unicode.hpp>

#include <algorithm>
#include <string_view>

namespace odt::detail::convert {

ODT_INLINE std::vector<std::string> read_ids(const std::string& path) {
  const std::string text = read_text(path, text_encoding::unicode);
  std::vector<std::string> ids;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    if (const auto id = trimmed_text(std::string_view(text).substr(at, end - at)); !id.empty()) ids.emplace_back(id);
    at = end + 1;
  }
  if (ids.empty()) fail(path, ": the list is empty; one picture's name a line is needed");
  return ids;
}

ODT_INLINE std::vector<std::string> meanings(const std::string& line) {
  std::vector<std::string> names;
  for (const std::string& text : {line, line.substr(0, line.find_first_of(" \t"))})
    for (const std::string& name : {text, last_part(text), without_ending(last_part(text))})
      if (std::ranges::find(names, name) == names.end()) names.push_back(name);
  return names;
}

}  // namespace odt::detail::convert
