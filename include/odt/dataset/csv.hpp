// SPDX-License-Identifier: MIT
// Labels as the tutorials' xml_to_csv stores them: one table, one box a row.
#pragma once

#include <odt/dataset/annotation.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace odt {

/// The labels of many pictures, in the order of their first rows.
struct annotated_table {
  std::vector<annotation> pictures;
  std::vector<std::string> problems;  ///< rows that could not be read and name no picture
  std::string unread;                 ///< "file:line: columns ..." that are not read; empty when all are
};

/// The labels of a table with the columns filename, class, xmin, ymin, xmax, ymax and, if it likes, width and height,
/// in any order and case. The cells are separated as in the header, or as a first line "sep=;" says, by commas,
/// semicolons or tabs, and may be quoted. A row whose class and box are all empty, or all -1, stands for a picture
/// without objects. A missing column, a quote that is never closed, or no row that can be read, is an error with file
/// and line; a row that cannot be read is listed in the `problems` of its picture. Names of the same picture in
/// different folders are different pictures.
annotated_table read_csv_annotations(const std::string& path);
annotated_table parse_csv_annotations(std::string_view text, const std::string& path);

}  // namespace odt

#if defined(ODT_HEADER_ONLY)
#include <odt/dataset/csv.ipp>
#endif
