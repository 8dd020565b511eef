// SPDX-License-Identifier: MIT
// Label maps: which class has which number, in the API's text format.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace odt {

struct label_map_item {
  int id = 0;                ///< from 1; 0 is the background
  std::string name;          ///< as in the records, e.g. "/m/01g317"
  std::string display_name;  ///< for people, e.g. "person"; may be empty

  friend bool operator==(const label_map_item&, const label_map_item&) = default;
};

/// Class names and their ids. Ids are at least 1, 0 stands only for an item that is called "background"; ids and names
/// occur once: anything else is an error that names the line. Gaps between ids are warned about once, when a file is
/// read.
class label_map {
 public:
  label_map() = default;

  /// From items in code; `place` is for messages.
  explicit label_map(std::vector<label_map_item> items, std::string_view place = "label map");

  /// Ids 1, 2, ... in the order of the names.
  static label_map from_names(const std::vector<std::string>& names);

  /// The API's text format (text_file.hpp says what else than plain UTF-8 is recognized and refused), or, where the
  /// name ends in .txt or .names and no "item {" is there, the list of labelImg's classes.txt: one name a line, ids
  /// from 1. Names that differ only in what people do not see are warned about.
  static label_map read(const std::string& path);

  /// The same of text, without warnings.
  static label_map parse(std::string_view text, std::string_view place);

  /// The text that `read` takes.
  std::string text() const;
  void write(const std::string& path) const;

  std::size_t size() const { return items_.size(); }  ///< classes, not counting the background
  bool empty() const { return items_.empty(); }
  int max_id() const { return items_.empty() ? 0 : items_.back().id; }
  const std::vector<label_map_item>& items() const { return items_; }  ///< by rising id, without the background

  const label_map_item* find(int id) const;  ///< null when there is none
  bool has(int id) const { return find(id) != nullptr; }

  /// The id of a class given by its name or its display name.
  std::optional<int> id(std::string_view name) const;

  /// What people read: the display name, else the name, else "class 7" for an id that the map lacks.
  std::string display_name(int id) const;

  /// display_name(1), ..., display_name(max_id): element i is the class that detections and labels number i.
  std::vector<std::string> class_names() const;

  /// The ids between 1 and max_id that no class has.
  std::vector<int> gaps() const;

  friend bool operator==(const label_map&, const label_map&) = default;

 private:
  std::vector<label_map_item> items_;
  std::unordered_map<std::string, int> ids_;  // by name, and by display name where no name is the same
};

}  // namespace odt

#if defined(ODT_HEADER_ONLY)
#include <odt/io/label_map.ipp>
#endif
