// SPDX-License-Identifier: MIT
// Which picture of a folder a label means.
//
// The rule, from the surest to the least sure; what is taken otherwise than by the first line of its kind is said, and
// a name that fits two pictures alike is an error:
//   an XML file   1. the picture with the XML's own name (of several, the one that <filename> names)
//                 2. the one that <filename> names, as a table's row does
//   a table's row 1. the picture of this path or name
//                 2. the name without ending: "frame.0001" is frame.0001.jpg
//                 3. the same name with another ending, in another case, with accents stored otherwise, with "%20"
// A path counts from its end as far as the folder has it: "/home/me/train/a.jpg" is train/a.jpg, and never test/a.jpg.
#pragma once

#include <odt/dataset/annotation.hpp>

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

namespace odt {

/// The picture that was found for a label.
struct found_picture {
  std::string path;
  std::string guess;  ///< what was taken though something speaks against it, for people; empty when nothing does
  int rank = 0;       ///< 0: by the surest way; of two labels that claim one picture, the surer one has it
};

/// The pictures in a folder and in those below it, by their names. Links to folders count as folders.
class picture_folder {
 public:
  explicit picture_folder(const std::string& folder);

  /// The picture of an XML file; throws when none or several can be meant.
  found_picture of_xml(const annotation& labels) const;

  /// The picture of a table's rows; throws when none or several can be meant. `folder_counts`: the row's folder must be
  /// that of the picture (as far as both are known), else its name alone counts.
  found_picture of_row(const annotation& labels, bool folder_counts) const;

  /// Whether a picture lies where the row says, by its folder.
  bool has_path_of(const annotation& labels) const;

  /// Pictures in the folder itself, and in those below it of which `used` has some, that are not among the used ones.
  std::size_t unused(const std::unordered_set<std::string>& used) const;

  const std::string& path() const { return folder_; }

 private:
  /// Names that may be meant, all of the same sureness, and what differs.
  struct candidates {
    std::vector<std::string> names;
    std::string differs;
    int rank = 0;
  };

  candidates by_name(const std::string& name) const;
  candidates by_path(const annotation& labels) const;
  found_picture only(candidates found, const std::string& place, const std::string& name) const;
  [[noreturn]] void fail_missing(const std::string& place, const std::string& name) const;

  using index = std::unordered_map<std::string, std::vector<std::string>>;

  std::string folder_, own_name_;   // the last part of its full path
  std::vector<std::string> names_;  // with the folders below this one, sorted
  std::unordered_set<std::string> known_;
  index by_stem_, by_folded_, by_folded_stem_, by_last_part_;
};

namespace detail {

/// A name without the ending of a picture or XML file, if it has one.
std::string without_ending(const std::string& name);

/// The names of the files of a folder that end so (given in small letters), sorted; hidden ones are none.
std::vector<std::string> files_in(const std::string& folder, std::span<const std::string_view> endings);

/// The folders at and below `top` that have such files, sorted; 8 levels deep, links to folders included.
/// `not_entered`, if given, gets the folders that were left out, with the reason, but for hidden ones.
std::vector<std::string> folders_with(const std::string& top, std::span<const std::string_view> endings,
                                      std::vector<std::string>* not_entered = nullptr);

}  // namespace detail

}  // namespace odt

#if defined(ODT_HEADER_ONLY)
#include <odt/dataset/picture_folder.ipp>
#endif
