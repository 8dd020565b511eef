// SPDX-License-Identifier: MIT
// Lists of pictures, as VOC's ImageSets and YOLO's train.txt are.
#pragma once

#include <string>
#include <vector>

namespace odt::detail::convert {

/// The lines of a list that are not blank; an empty list is an error.
std::vector<std::string> read_ids(const std::string& path);

/// What a line of a list may mean: the whole of it, or its first word (VOC's lists of a class say 1, 0 or -1 after it),
/// each also without folder and ending.
std::vector<std::string> meanings(const std::string& line);

}  // namespace odt::detail::convert

#if defined(ODT_HEADER_ONLY)
#include <odt/dataset/id_list.ipp>
#endif
