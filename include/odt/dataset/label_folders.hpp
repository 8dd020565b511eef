// SPDX-License-Identifier: MIT
// Where below a folder that was given its pictures and XML files lie.
#pragma once

#include <string>
#include <vector>

namespace odt {

struct label_folders {
  std::string images, annotations;
  std::vector<std::string> guesses;  ///< what was chosen though it was not given, for people
  std::vector<std::string> unread;   ///< "folder: 12 .xml files"
};

/// The folders of pictures and XML files. Each of the given ones (one may be empty: then it is the other) is taken as
/// it is when it has such files itself, else the only folder below it that has some. No such folder, or several, is an
/// error that names them.
label_folders find_label_folders(const std::string& images, const std::string& annotations);

/// The folder of pictures of a table, which may name folders below it: the given one, unless it has no pictures itself
/// and only one folder below it has some.
std::string find_picture_folder(const std::string& images, std::vector<std::string>& guesses);

}  // namespace odt

#if defined(ODT_HEADER_ONLY)
#include <odt/dataset/label_folders.ipp>
#endif
