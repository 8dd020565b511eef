// SPDX-License-Identifier: MIT
#pragma once

#include <odt/core/target.hpp>
#include <odt/io/file.hpp>
#include <odt/label/page_files.hpp>

#include <algorithm>

namespace odt::labelling {

namespace detail {

struct page_text {
  std::string_view name, text;
};

inline constexpr page_text page_texts[] = {
#include <odt/label/page_files.inc>  // made of include/odt/label/page by support.cmake
};

ODT_INLINE std::string_view type_of(std::string_view name) {
  if (name.ends_with(".js")) return "text/javascript; charset=utf-8";
  if (name.ends_with(".css")) return "text/css; charset=utf-8";
  if (name.ends_with(".svg")) return "image/svg+xml";
  return "text/html; charset=utf-8";
}

}  // namespace detail

ODT_INLINE std::optional<page_file> find_page_file(std::string_view name, const std::string& folder) {
  if (!folder.empty()) {
    const std::string path = join_path(folder, name);
    if (name.empty() || name.find('/') != std::string_view::npos || !file_exists(path)) return std::nullopt;
    return page_file{detail::type_of(name), read_file(path)};
  }
  const auto at = std::ranges::find(detail::page_texts, name, &detail::page_text::name);
  if (at == std::end(detail::page_texts)) return std::nullopt;
  return page_file{detail::type_of(name), std::string(at->text)};
}

}  // namespace odt::labelling
