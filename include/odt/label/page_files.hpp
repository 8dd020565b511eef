// SPDX-License-Identifier: MIT
// The page's files, which are part of the program.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace odt::labelling {

struct page_file {
  std::string_view type;  ///< "text/javascript"
  std::string text;
};

/// A file of include/odt/label/page by its name; from `folder` instead of the program, where one is given.
std::optional<page_file> find_page_file(std::string_view name, const std::string& folder = {});

}  // namespace odt::labelling

#if defined(ODT_HEADER_ONLY)
#include <odt/label/page_files.ipp>
#endif
