// SPDX-License-Identifier: MIT
#pragma once

#include <odt/core/error.hpp>
#include <odt/core/target.hpp>
#include <odt/dataset/picture_folder.hpp>
#include <odt/io/file.hpp>
#include <odt/io/image_file.hpp>
#include <odt/io/unicode.hpp>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <set>
#include <utility>

namespace odt {

namespace detail::pictures {

inline constexpr int deepest = 8;  // folders below the one that was given

ODT_INLINE std::string small_letters(std::string text) {
  std::ranges::transform(text, text.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return text;
}

ODT_INLINE bool ends_in(const std::filesystem::path& path, std::span<const std::string_view> wanted) {
  return !path.filename().string().starts_with('.') &&
         std::ranges::find(wanted, small_letters(path.extension().string())) != wanted.end();
}

/// A folder whose content is still to be looked through.
struct waiting_folder {
  std::filesystem::path path;
  int level = 0;  // below the top
};

/// The folders of one walk. Each is entered once, whatever links lead to it, so loops end.
class entered_folders {
 public:
  entered_folders(int depth, std::vector<std::string>* left_out) : depth_(depth), left_out_(left_out) {}

  bool enter(const std::filesystem::path& path, int level) {
    if (level > depth_) return refuse(path, str(": more than ", depth_, " folders deep; not looked into"));
    std::error_code code;
    const auto full = std::filesystem::canonical(path, code);
    if (full_paths_.insert(code ? path : full).second) return true;
    return refuse(path, str(": leads to ", full.string(), ", which is read otherwise; not looked into again"));
  }

 private:
  bool refuse(const std::filesystem::path& path, const std::string& why) {
    if (left_out_) left_out_->push_back(path.string() + why);
    return false;
  }

  int depth_;
  std::vector<std::string>* left_out_;
  std::set<std::filesystem::path> full_paths_;
};

/// Calls take(path, path from `top` on) for each such file at and below `top`, but for hidden folders. Links to folders
/// are followed after the folders.
template <class Take>
void for_each_file(const std::string& top, std::span<const std::string_view> wanted, int depth, Take&& take,
                   std::vector<std::string>* left_out = nullptr) {
  namespace fs = std::filesystem;
  if (!is_directory(top)) fail(top, ": there is no such directory");
  entered_folders entered(depth, left_out);
  std::vector<waiting_folder> waiting = {{top, 0}};
  for (std::size_t i = 0; i < waiting.size(); ++i) {
    const waiting_folder start = waiting[i];
    if (!entered.enter(start.path, start.level)) continue;
    std::error_code code, ignored;
    fs::recursive_directory_iterator at(start.path, fs::directory_options::skip_permission_denied, code), end;
    for (; !code && at != end; at.increment(code)) {
      const int level = start.level + at.depth() + 1;
      if (!at->is_directory(ignored)) {
        if (ends_in(at->path(), wanted)) take(at->path(), at->path().lexically_relative(top).string());
      } else if (const bool hidden = at->path().filename().string().starts_with('.');
                 !hidden && at->is_symlink(ignored)) {
        waiting.push_back({at->path(), level});
      } else if (hidden || !entered.enter(at->path(), level)) {
        at.disable_recursion_pending();
      }
    }
    if (code) fail(start.path.string(), ": cannot list the directory: ", code.message());
    std::ranges::sort(waiting.begin() + static_cast<std::ptrdiff_t>(i) + 1, waiting.end(), {}, &waiting_folder::path);
  }
}

/// "a b.jpg" of "a%20b.jpg".
ODT_INLINE std::string without_percent_codes(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    unsigned value = 0;
    const char* const digits = text.data() + i + 1;
    if (text[i] == '%' && i + 2 < text.size() && std::from_chars(digits, digits + 2, value, 16).ptr == digits + 2) {
      out += static_cast<char>(value);
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

ODT_INLINE std::string folder_of(const std::string& name) {
  const auto slash = name.rfind('/');
  return slash == std::string::npos ? std::string() : name.substr(0, slash);
}

ODT_INLINE std::string quoted(const std::vector<std::string>& names) { return str('"', join(names, "\" and \""), '"'); }

}  // namespace detail::pictures

ODT_INLINE std::string detail::without_ending(const std::string& name) {
  const auto dot = name.rfind('.');
  if (dot == std::string::npos || dot == 0) return name;
  const std::string ending = pictures::small_letters(name.substr(dot));
  const bool known = ending == ".xml" || std::ranges::find(picture_endings, ending) != std::end(picture_endings);
  return known ? name.substr(0, dot) : name;
}

ODT_INLINE std::vector<std::string> detail::files_in(const std::string& folder,
                                                     std::span<const std::string_view> endings) {
  std::vector<std::string> names;
  pictures::for_each_file(folder, endings, 0, [&](const auto&, std::string name) { names.push_back(std::move(name)); });
  std::ranges::sort(names);
  return names;
}

ODT_INLINE std::vector<std::string> detail::folders_with(const std::string& top,
                                                         std::span<const std::string_view> endings,
                                                         std::vector<std::string>* not_entered) {
  std::set<std::string> folders;
  const auto take = [&](const std::filesystem::path& path, const std::string&) {
    folders.insert(path.parent_path().string());
  };
  pictures::for_each_file(top, endings, pictures::deepest, take, not_entered);
  return {folders.begin(), folders.end()};
}

ODT_INLINE picture_folder::picture_folder(const std::string& folder) : folder_(folder) {
  namespace d = detail::pictures;
  std::error_code ignored;
  const auto full = std::filesystem::weakly_canonical(folder, ignored);
  own_name_ = full.filename().string();
  d::for_each_file(folder, picture_endings, d::deepest,
                   [&](const auto&, std::string name) { names_.push_back(std::move(name)); });
  std::ranges::sort(names_);
  known_.insert(names_.begin(), names_.end());
  for (const std::string& name : names_) {
    const std::string stem = detail::without_ending(name);
    by_stem_[stem].push_back(name);
    by_folded_[folded_text(name)].push_back(name);
    by_folded_stem_[folded_text(stem)].push_back(name);
    by_last_part_[detail::last_part(name)].push_back(name);
  }
}

ODT_INLINE picture_folder::candidates picture_folder::by_name(const std::string& name) const {
  if (name.empty()) return {};
  if (known_.contains(name)) return {{name}, {}, 0};
  const auto look = [](const index& in, const std::string& key) {
    const auto at = in.find(key);
    return at == in.end() ? std::vector<std::string>() : at->second;
  };
  if (auto names = look(by_stem_, name); !names.empty()) return {std::move(names), {}, 1};
  const std::string stem = detail::without_ending(name);
  if (auto names = look(by_stem_, stem); !names.empty()) return {std::move(names), "the ending", 2};
  const std::string folded = folded_text(name);
  for (const index* const in : {&by_folded_, &by_folded_stem_})
    if (auto names = look(*in, folded); !names.empty()) {
      const bool has_ending = in == &by_folded_;
      const std::string first = has_ending ? names.front() : detail::without_ending(names.front());
      return {std::move(names), std::string(folded_difference(name, first)), 2};
    }
  if (auto names = look(by_folded_stem_, folded_text(stem)); !names.empty()) {
    std::string difference = str("the ending and ", folded_difference(stem, detail::without_ending(names.front())));
    return {std::move(names), std::move(difference), 2};
  }
  if (const std::string plain = detail::pictures::without_percent_codes(name); plain != name)
    if (candidates found = by_name(plain); !found.names.empty()) return {std::move(found.names), "\"%\" codes", 2};
  return {};
}

ODT_INLINE picture_folder::candidates picture_folder::by_path(const annotation& labels) const {
  std::string rest = labels.folder + "/" + labels.filename;
  for (std::string dropped;;) {
    // The name alone is enough only where the last folder that was dropped is this one.
    const bool has_folder = rest.find('/') != std::string::npos;
    if (has_folder || dropped == own_name_)
      if (candidates found = by_name(rest); !found.names.empty()) return found;
    if (!has_folder) return {};
    const std::size_t slash = rest.find('/');
    dropped = rest.substr(0, slash);
    rest.erase(0, slash + 1);
  }
}

ODT_INLINE void picture_folder::fail_missing(const std::string& place, const std::string& name) const {
  std::vector<std::string> elsewhere;
  if (const auto namesakes = by_last_part_.find(detail::last_part(name)); namesakes != by_last_part_.end())
    for (const std::string& other : namesakes->second)
      if (other != name && elsewhere.size() < 3) elsewhere.push_back(join_path(folder_, other));
  fail(place, ": there is no picture \"", name, "\"", detail::deception(name), " in ", folder_,
       elsewhere.empty() ? std::string()
                         : str("; a picture of this name in another folder is not taken for it: ",
                               detail::pictures::quoted(elsewhere)));
}

ODT_INLINE found_picture picture_folder::only(candidates found, const std::string& place,
                                              const std::string& name) const {
  if (found.names.empty()) fail_missing(place, name);
  if (found.names.size() > 1)
    fail(place, ": \"", name, "\" may be ", detail::pictures::quoted(found.names), " in ", folder_,
         "; write the one that is meant, or keep one of them");
  const std::string& picture = found.names.front();
  found_picture result{join_path(folder_, picture), {}, found.rank};
  if (!found.differs.empty())
    result.guess = str(place, ": \"", name, "\" was taken for ", result.path, ", which differs in ", found.differs);
  return result;
}

ODT_INLINE found_picture picture_folder::of_xml(const annotation& labels) const {
  const std::string stem = detail::without_ending(detail::last_part(labels.path)), own_name = stem + ".jpg";
  const std::string& named = labels.filename;
  const auto at = by_stem_.find(stem);
  const std::vector<std::string> own = at == by_stem_.end() ? std::vector<std::string>() : at->second;
  if (std::ranges::find(own, named) != own.end()) return {join_path(folder_, named), {}, 0};
  if (own.size() > 1) return only({own, {}, 0}, labels.place, stem);
  if (own.empty()) {
    candidates found = by_name(named);
    if (found.names.empty()) found = by_name(stem);
    found.rank = std::max(found.rank, 1);
    return only(std::move(found), labels.place, named.empty() ? own_name : named);
  }
  found_picture result{join_path(folder_, own.front()), {}, 0};
  if (!named.empty() && named != stem && detail::without_ending(named) != stem)
    result.guess =
        str(labels.place, ": <filename> says \"", named, by_name(named).names.empty() ? "\"" : "\", which is there too",
            "; the labels were taken for ", result.path, ", which has the XML's own name");
  return result;
}

ODT_INLINE bool picture_folder::has_path_of(const annotation& labels) const { return !by_path(labels).names.empty(); }

ODT_INLINE found_picture picture_folder::of_row(const annotation& labels, bool folder_counts) const {
  if (labels.folder.empty() || !folder_counts) return only(by_name(labels.filename), labels.place, labels.filename);
  return only(by_path(labels), labels.place, join_path(labels.folder, labels.filename));
}

ODT_INLINE std::size_t picture_folder::unused(const std::unordered_set<std::string>& used) const {
  std::unordered_set<std::string> folders = {std::string()};
  for (const std::string& name : names_)
    if (used.contains(join_path(folder_, name))) folders.insert(detail::pictures::folder_of(name));
  return static_cast<std::size_t>(std::ranges::count_if(names_, [&](const std::string& name) {
    return folders.contains(detail::pictures::folder_of(name)) && !used.contains(join_path(folder_, name));
  }));
}

}  // namespace odt
