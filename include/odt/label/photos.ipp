// SPDX-License-Identifier: MIT
#pragma once

#include <odt/core/error.hpp>
#include <odt/core/target.hpp>
#include <odt/dataset/annotation.hpp>
#include <odt/dataset/picture_folder.hpp>
#include <odt/io/file.hpp>
#include <odt/io/file_system.hpp>
#include <odt/io/image_file.hpp>
#include <odt/io/sha256.hpp>
#include <odt/io/text_file.hpp>
#include <odt/label/photos.hpp>

#include <algorithm>
#include <filesystem>
#include <unordered_set>
#include <utility>

namespace odt::labelling {

namespace detail {

inline constexpr std::string_view notes_folder = ".odt-label";

/// "a/b" of "a/b/c.jpg"; empty where there is no folder.
ODT_INLINE std::string folder_of(const std::string& name) {
  const auto slash = name.rfind('/');
  return slash == std::string::npos ? std::string() : name.substr(0, slash);
}

ODT_INLINE bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// The digits at the beginning, without zeros in front of them; taken off the text.
ODT_INLINE std::string_view take_number(std::string_view& text) {
  std::size_t end = 0;
  while (end < text.size() && is_digit(text[end])) ++end;
  std::string_view digits = text.substr(0, end);
  text.remove_prefix(end);
  while (digits.size() > 1 && digits.front() == '0') digits.remove_prefix(1);
  return digits;
}

}  // namespace detail

ODT_INLINE bool before_naturally(std::string_view a, std::string_view b) {
  const std::string_view whole_a = a, whole_b = b;
  while (!a.empty() && !b.empty()) {
    if (detail::is_digit(a.front()) && detail::is_digit(b.front())) {
      const std::string_view x = detail::take_number(a), y = detail::take_number(b);
      if (x.size() != y.size()) return x.size() < y.size();
      if (x != y) return x < y;
    } else if (a.front() != b.front()) {
      return static_cast<unsigned char>(a.front()) < static_cast<unsigned char>(b.front());
    } else {
      a.remove_prefix(1);
      b.remove_prefix(1);
    }
  }
  if (a.empty() != b.empty()) return a.empty();
  return whole_a < whole_b;
}

ODT_INLINE photo_index::photo_index(const std::string& images, const std::string& annotations) {
  if (images.empty()) fail("--images: a folder of photos, or a file that lists them, is needed");
  if (!annotations.empty() && is_remote(annotations))
    fail("--annotations: ", annotations, "; labels are kept on this machine, so that none is lost");
  const bool list = !is_remote(images) && !is_directory(images);
  if (list && !file_exists(images)) fail("--images: ", images, ": there is no such folder, and no such list");
  if (is_remote(images))
    add_store(images, annotations);
  else if (list)
    add_list(images, annotations);
  else
    add_folder(images, annotations);
  if (photos_.empty())
    fail("--images: ", images, ": there are no photos (", join(picture_endings, ", "), ")",
         left_out_.empty() ? std::string() : "; left out: " + left_out_.front());
  const std::string beside = list ? directory_of(images) : images;
  notes_ = join_path(annotations.empty() ? beside : annotations, detail::notes_folder);
  settle();
}

ODT_INLINE void photo_index::add(std::string name, std::string path, const std::string& labels_folder) {
  photos_.push_back({sha256(name).substr(0, 16), std::move(name), std::move(path), labels_folder});
}

ODT_INLINE void photo_index::add_folder(const std::string& images, const std::string& annotations) {
  namespace fs = std::filesystem;
  const fs::path root = fs::canonical(images);
  std::error_code ignored;
  for (const std::string& folder : odt::detail::folders_with(images, picture_endings, &left_out_)) {
    const fs::path full = fs::canonical(folder, ignored);
    const std::string below = full == root ? std::string() : full.lexically_relative(root).string();
    if (below.starts_with("..")) {
      left_out_.push_back(str(folder, ": leads out of ", images, " to ", full.string(),
                              "; give that folder, or a list of photos, as --images"));
      continue;
    }
    const std::string labels = annotations.empty() ? full.string() : join_path(annotations, below);
    for (const std::string& file : odt::detail::files_in(folder, picture_endings)) {
      const fs::path path = full / file;
      if (fs::is_symlink(path, ignored)) {
        const fs::path target = fs::weakly_canonical(path, ignored);
        if (target.lexically_relative(root).string().starts_with("..")) {
          left_out_.push_back(str(path.string(), ": leads out of ", images, " to ", target.string(),
                                  "; a list of photos as --images may name it"));
          continue;
        }
      }
      add(below.empty() ? file : join_path(below, file), path.string(), labels);
    }
  }
}

ODT_INLINE void photo_index::add_store(const std::string& images, const std::string& annotations) {
  if (annotations.empty())
    fail("--annotations: a folder of this machine is needed for the labels of ", images,
         ", since no XML file is written into an object store");
  const std::string folder = images.ends_with('/') ? images : images + "/";
  for (const std::string& path : matching_files(folder + "*"))
    if (is_picture_name(path)) add(path.substr(folder.size()), path, annotations);
}

ODT_INLINE void photo_index::add_list(const std::string& list, const std::string& annotations) {
  const std::string folder = directory_of(list), text = read_file(list);
  std::size_t number = 0;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    std::string line = text.substr(at, end - at);
    at = end + 1;
    ++number;
    while (!line.empty() && (line.back() == '\r' || line.back() == ' ')) line.pop_back();
    if (line.empty()) continue;
    const std::string path = is_remote(line) ? line : join_path(folder, line);
    if (!is_picture_name(line))
      fail(list, ":", number, ": \"", line, "\" is no photo (", join(picture_endings, ", "), ")");
    if (is_remote(path) && annotations.empty())
      fail(list, ":", number, ": ", path, " lies in an object store; --annotations names a folder for its labels");
    std::error_code ignored;
    const std::string full =
        is_remote(path) ? path : std::filesystem::absolute(path, ignored).lexically_normal().string();
    const bool below = line.front() != '/' && !line.starts_with("..") && !is_remote(line);
    const std::string labels = annotations.empty() ? directory_of(full)
                               : below             ? join_path(annotations, detail::folder_of(line))
                                                   : annotations;
    add(line, full, labels);
  }
}

/// Sorts, and gives each photo an XML file of its own: that of a.jpg is a.xml, and that of a.png beside it a.png.xml.
ODT_INLINE void photo_index::settle() {
  std::ranges::sort(photos_, before_naturally, &photo::name);
  std::unordered_set<std::string> taken;
  std::vector<photo> kept;
  for (photo& p : photos_) {
    if (by_id_.contains(p.id)) {
      left_out_.push_back(str(p.name, ": is listed twice"));
      continue;
    }
    const std::string file = odt::detail::last_part(p.name);
    std::string path = join_path(p.labels, odt::detail::without_ending(file) + ".xml");
    if (!taken.insert(path).second) {
      path = join_path(p.labels, file + ".xml");
      if (!taken.insert(path).second) {
        left_out_.push_back(str(p.name, ": another photo's labels are already kept in ", path));
        continue;
      }
    }
    p.labels = std::move(path);
    by_id_.emplace(p.id, kept.size());
    kept.push_back(std::move(p));
  }
  photos_ = std::move(kept);
}

ODT_INLINE std::optional<std::size_t> photo_index::find(std::string_view id) const {
  const auto at = by_id_.find(std::string(id));
  if (at == by_id_.end()) return std::nullopt;
  return at->second;
}

}  // namespace odt::labelling
