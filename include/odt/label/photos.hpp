// SPDX-License-Identifier: MIT
// The photos that are labelled, each with an id that says nothing of where it lies.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace odt::labelling {

struct photo {
  std::string id;    ///< for addresses: 16 hexadecimal digits that follow from the name
  std::string name;  ///< from the folder of photos on, or as the list says it
  std::string path;
  std::string labels;  ///< path of its XML file, which need not be there
};

/// The photos of a folder and of those below it, of an object store's folder, or of a text file that lists them (a path
/// a line, from the list's folder on), in the order of their names: 2.jpg before 10.jpg. Nothing is decoded. Files of
/// the folder that lead out of it by a link are left out; a list may name any.
class photo_index {
 public:
  /// XML files lie beside the photos, or in the folder `annotations` under the same names.
  photo_index(const std::string& images, const std::string& annotations);

  std::span<const photo> all() const { return photos_; }
  std::size_t size() const { return photos_.size(); }
  const photo& operator[](std::size_t i) const { return photos_[i]; }
  std::optional<std::size_t> find(std::string_view id) const;

  /// What was left out and why, for people.
  const std::vector<std::string>& left_out() const { return left_out_; }

  /// The folder for what XML files cannot hold; it need not be there yet.
  const std::string& notes() const { return notes_; }

 private:
  void add_folder(const std::string& images, const std::string& annotations);
  void add_store(const std::string& images, const std::string& annotations);
  void add_list(const std::string& list, const std::string& annotations);
  void add(std::string name, std::string path, const std::string& labels_folder);
  void settle();

  std::vector<photo> photos_;
  std::unordered_map<std::string, std::size_t> by_id_;
  std::vector<std::string> left_out_;
  std::string notes_;
};

/// Whether one name comes before another where people look for it: numbers within them count as such.
bool before_naturally(std::string_view a, std::string_view b);

}  // namespace odt::labelling

#if defined(ODT_HEADER_ONLY)
#include <odt/label/photos.ipp>
#endif
