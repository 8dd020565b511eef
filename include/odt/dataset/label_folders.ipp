// SPDX-License-Identifier: MIT
#pragma once

#include <odt/core/error.hpp>
#include <odt/core/target.hpp>
#include <odt/dataset/label_folders.hpp>
#include <odt/dataset/picture_folder.hpp>
#include <odt/io/file.hpp>
#include <odt/io/image_file.hpp>

#include <algorithm>
#include <array>
#include <filesystem>
#include <string_view>

namespace odt {

namespace detail::folders {

inline constexpr std::array<std::string_view, 1> xml = {".xml"};

/// "a, b, c and 4 more"
ODT_INLINE std::string some_of(std::vector<std::string> folders) {
  constexpr std::size_t most = 6;
  const std::size_t all = folders.size();
  if (all > most) folders.resize(most);
  return str(join(folders, ", "), all > most ? str(" and ", all - most, " more") : std::string());
}

/// The folders beside this one that have XML files.
ODT_INLINE std::vector<std::string> neighbours_with_xml(const std::string& folder) {
  std::vector<std::string> found;
  std::error_code code;
  const auto parent = std::filesystem::path(folder).lexically_normal() / "..";
  for (std::filesystem::directory_iterator at(parent, code), end; !code && at != end; at.increment(code))
    if (std::error_code ignored; at->is_directory(ignored) && !files_in(at->path().string(), xml).empty())
      found.push_back(at->path().lexically_normal().string());
  std::ranges::sort(found);
  return found;
}

/// What lies there instead of XML files, or where they are.
ODT_INLINE std::string instead_of_xml(const std::string& folder) {
  if (const auto beside = neighbours_with_xml(folder); !beside.empty())
    return str("; there are some in ", some_of(beside), ": give one as --annotations");
  const auto has = [&](std::string_view ending) {
    return !folders_with(folder, std::array<std::string_view, 1>{ending}).empty();
  };
  if (has(".csv")) return "; there is a .csv file: odt convert csv reads tables";
  if (has(".json")) return "; .json files, such as COCO's, are not read: save PASCAL VOC's XML";
  if (has(".txt")) return "; .txt files, such as YOLO's, are not read: save PASCAL VOC's XML";
  return "; labelImg saves one for each labelled picture";
}

ODT_INLINE std::string folder_of_xml(const std::string& given, label_folders& found) {
  const auto all = folders_with(given, xml, &found.unread);
  const auto here = files_in(given, xml);
  if (all.empty())
    fail(given, ": no .xml files here", instead_of_xml(given),
         found.unread.empty() ? std::string() : str(" (", some_of(found.unread), ")"));
  if (here.empty() && all.size() > 1)
    fail(given, ": no .xml files here, but in ", some_of(all),
         "; convert one after the other (--annotations, and --set for a name of its own)");
  std::string chosen = here.empty() ? all.front() : given;
  if (here.empty()) found.guesses.push_back(str(given, ": the .xml files were taken from ", chosen));
  const auto same = [](const std::string& a, const std::string& b) {
    std::error_code ignored;
    return std::filesystem::equivalent(a, b, ignored);
  };
  for (const std::string& other : all)
    if (!same(other, chosen)) found.unread.push_back(str(other, ": ", files_in(other, xml).size(), " .xml files"));
  return chosen;
}

}  // namespace detail::folders

ODT_INLINE std::string find_picture_folder(const std::string& images, std::vector<std::string>& guesses) {
  const auto all = detail::folders_with(images, picture_endings);
  if (all.size() != 1 || !detail::files_in(images, picture_endings).empty()) return images;
  guesses.push_back(str(images, ": the pictures were taken from ", all.front()));
  return all.front();
}

ODT_INLINE label_folders find_label_folders(const std::string& images, const std::string& annotations) {
  namespace d = detail::folders;
  label_folders found;
  found.annotations = d::folder_of_xml(annotations.empty() ? images : annotations, found);
  found.images = find_picture_folder(images.empty() ? annotations : images, found.guesses);
  std::vector<std::string> not_entered;
  const auto all = detail::folders_with(found.images, picture_endings, &not_entered);
  for (std::string& text : not_entered)
    if (std::ranges::find(found.unread, text) == found.unread.end()) found.unread.push_back(std::move(text));
  if (all.size() > 1 && detail::files_in(found.images, picture_endings).empty())
    fail(found.images, ": no pictures here, but in ", d::some_of(all), "; give the one that is labelled as --images");
  return found;
}

}  // namespace odt
