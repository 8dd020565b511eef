// SPDX-License-Identifier: MIT
#pragma once

#include <odt/core/error.hpp>
#include <odt/core/target.hpp>
#include <odt/dataset/claims.hpp>
#include <odt/dataset/convert.hpp>
#include <odt/dataset/convert_sets.hpp>
#include <odt/dataset/csv.hpp>
#include <odt/dataset/id_list.hpp>
#include <odt/dataset/label_folders.hpp>
#include <odt/dataset/picture_folder.hpp>
#include <odt/dataset/voc_xml.hpp>
#include <odt/io/file.hpp>
#include <odt/io/image_file.hpp>

#include <algorithm>
#include <array>
#include <optional>
#include <set>
#include <unordered_map>
#include <unordered_set>
#include <utility>

namespace odt {

namespace detail::convert {

/// "trainval" of "ImageSets/Main/trainval.txt".
ODT_INLINE std::string set_name(const std::string& path) {
  const std::string name = last_part(path);
  return name.substr(0, name.rfind('.'));
}

ODT_INLINE void check_options(const convert_options& options) {
  if (options.output.empty()) fail("output: a folder for the records is needed");
  if (options.output.ends_with("record") && !is_directory(options.output))
    fail("output: ", options.output, " is the name of a record file; name its folder, and the file by --set");
  if (options.shards < 1 || options.shards > 99999) fail("shards: ", options.shards, "; 1 to 99999 are possible");
  if (!(options.split > 0 && options.split <= 1))
    fail("split: ", options.split, "; the part for training is above 0 and at most 1");
  if (!options.set.empty() && !options.ids.empty()) fail("set: the lists of ids name their sets themselves");
  if (options.set.find('/') != std::string::npos)
    fail("set: \"", options.set, "\"; a name without folder is needed, such as valid");
}

ODT_INLINE void note(std::vector<std::string> texts, conversion_problem::outcome kind, convert_report& report) {
  for (std::string& text : texts) report.problems.push_back({kind, std::move(text)});
}

/// The label with its picture; what is wrong goes into the report.
template <class Find>
std::optional<pending> find_picture(annotation labels, convert_report& report, Find&& find) {
  try {
    found_picture found = find(labels);
    if (!found.guess.empty()) report.problems.push_back({conversion_problem::guessed, std::move(found.guess)});
    return pending{std::move(labels), std::move(found.path), found.rank};
  } catch (const error& e) {
    report.problems.push_back({conversion_problem::picture_left_out, e.what()});
    return std::nullopt;
  }
}

ODT_INLINE std::size_t unlabelled(const picture_folder& folder, const std::vector<pending>& pictures) {
  std::unordered_set<std::string> used;
  for (const pending& picture : pictures) used.insert(picture.picture);
  return folder.unused(used);
}

/// The sets of the options' lists or split, converted.
ODT_INLINE convert_report convert_pictures(std::vector<pending> pictures, std::vector<pending_set> listed,
                                           std::vector<std::string> inputs, const convert_options& options,
                                           convert_report report) {
  std::vector<pending_set> sets = std::move(listed);
  if (options.ids.empty()) {
    sets = {{"", {}, std::move(pictures)}};
    settle_claims(sets, report);
    if (sets[0].pictures.empty()) throw error(with_problems("no picture can be used", report));
    sets = split_sets(std::move(sets[0].pictures), options);
  } else {
    settle_claims(sets, report);
  }
  make_directories(options.output);
  remove_unfinished(options.output);
  inputs.insert(inputs.end(), options.ids.begin(), options.ids.end());
  const std::string made = join_path(options.output, "label_map.pbtxt");
  return write_sets(sets, options.label_map.empty() ? made : options.label_map, inputs, options, std::move(report));
}

/// XML files by what lists call them.
class xml_files {
 public:
  xml_files(std::string folder, const picture_folder& pictures, bool normalized)
      : folder_(std::move(folder)), pictures_(pictures), normalized_(normalized) {
    constexpr std::array<std::string_view, 1> xml = {".xml"};
    names_ = files_in(folder_, xml);
    for (const std::string& name : names_) by_stem_[without_ending(name)].push_back(name);
  }

  const std::vector<std::string>& names() const { return names_; }

  std::optional<pending> read(const std::string& name, convert_report& report) const {
    try {
      annotation labels = read_voc_xml(join_path(folder_, name));
      labels.normalized = normalized_;
      return find_picture(std::move(labels), report, [this](const annotation& a) { return pictures_.of_xml(a); });
    } catch (const error& e) {
      report.problems.push_back({conversion_problem::picture_left_out, e.what()});
      return std::nullopt;
    }
  }

  /// The labels of a list; each file is read once.
  std::vector<pending> read_list(const std::string& ids, convert_report& report) {
    std::vector<pending> found;
    for (const std::string& id : read_ids(ids)) {
      const std::vector<std::string> possible = meanings(id);
      const auto stem = std::ranges::find_if(possible, [this](const auto& name) { return by_stem_.contains(name); });
      if (stem == possible.end()) {
        report.problems.push_back(
            {conversion_problem::picture_left_out, str(join_path(folder_, possible.back() + ".xml"),
                                                       ": there is no such file; ", ids, " lists \"", id, "\"")});
        continue;
      }
      for (const std::string& name : by_stem_[*stem]) {
        if (!known_.contains(name)) known_[name] = read(name, report);
        if (known_[name]) found.push_back(*known_[name]);
      }
    }
    return found;
  }

 private:
  std::string folder_;
  const picture_folder& pictures_;
  bool normalized_;
  std::vector<std::string> names_;
  std::unordered_map<std::string, std::vector<std::string>> by_stem_;
  std::unordered_map<std::string, std::optional<pending>> known_;
};

}  // namespace detail::convert

ODT_INLINE convert_report convert_voc(const convert_options& options) {
  namespace d = detail::convert;
  d::check_options(options);
  if (options.images.empty() && options.annotations.empty())
    fail("images, annotations: a folder of pictures and one of XML files are needed (or one that holds both)");
  label_folders where = find_label_folders(options.images, options.annotations);
  convert_report report;
  d::note(std::move(where.guesses), conversion_problem::guessed, report);
  d::note(std::move(where.unread), conversion_problem::not_read, report);
  const picture_folder folder(where.images);
  d::xml_files files(where.annotations, folder, options.normalized);
  std::vector<d::pending> pictures;
  std::vector<d::pending_set> listed;
  for (const std::string& path : options.ids)
    listed.push_back(
        {d::set_name(path), d::record_files(options, d::set_name(path)), files.read_list(path, report), path});
  if (options.ids.empty()) {
    for (const std::string& name : files.names())
      if (auto found = files.read(name, report)) pictures.push_back(std::move(*found));
    report.without_annotation = d::unlabelled(folder, pictures);
    if (pictures.empty())
      throw error(d::with_problems(
          str("none of the ", files.names().size(), " files in ", where.annotations, " can be used"), report));
  }
  return d::convert_pictures(std::move(pictures), std::move(listed), {}, options, std::move(report));
}

namespace detail::convert {

/// Whether the table's folders say which picture is meant: they do when one of them is there, or when a name occurs in
/// two. Else they are those of another machine, which is reported, and names alone count.
ODT_INLINE bool folders_count(const annotated_table& table, const std::string& path, const picture_folder& folder,
                              convert_report& report) {
  std::set<std::string> names;
  const annotation* first = nullptr;
  for (const annotation& labels : table.pictures) {
    if (labels.folder.empty()) continue;
    if (folder.has_path_of(labels)) return true;
    if (!names.insert(labels.filename).second) return true;
    if (!first) first = &labels;
  }
  if (!first) return false;
  report.problems.push_back(
      {conversion_problem::guessed, str(path, ": its pictures lie in ", first->folder, ", of which ", folder.path(),
                                        " has nothing; they were taken by their names alone")});
  return false;
}

/// The pictures of a table, with those that cannot be found among the problems.
ODT_INLINE std::vector<pending> table_pictures(const std::string& path, const picture_folder& folder, bool normalized,
                                               convert_report& report) {
  annotated_table table = read_csv_annotations(path);
  note(std::move(table.problems), conversion_problem::box_left_out, report);
  if (!table.unread.empty()) report.problems.push_back({conversion_problem::not_read, table.unread});
  const bool by_folder = folders_count(table, path, folder, report);
  std::vector<pending> pictures;
  for (annotation& labels : table.pictures) {
    labels.normalized = normalized;
    auto found =
        find_picture(std::move(labels), report, [&](const annotation& a) { return folder.of_row(a, by_folder); });
    if (found) pictures.push_back(std::move(*found));
  }
  if (pictures.empty()) throw error(with_problems(path + ": none of its pictures can be used", report));
  return pictures;
}

/// The pictures of a list, by file name with or without its ending.
ODT_INLINE std::vector<pending> listed_pictures(const std::string& ids_path, const std::vector<pending>& pictures,
                                                convert_report& report) {
  std::unordered_map<std::string, std::vector<const pending*>> by_name;
  for (const pending& picture : pictures) {
    const std::string path = join_path(picture.labels.folder, picture.labels.filename);
    for (const std::string& name : std::set<std::string>{path, without_ending(path), picture.labels.filename,
                                                         without_ending(picture.labels.filename)})
      by_name[name].push_back(&picture);
  }
  std::vector<pending> found;
  for (const std::string& id : read_ids(ids_path)) {
    const std::vector<std::string> possible = meanings(id);
    const auto name = std::ranges::find_if(possible, [&](const auto& text) { return by_name.contains(text); });
    const std::size_t count = name == possible.end() ? 0 : by_name[*name].size();
    if (count == 1)
      found.push_back(*by_name[*name].front());
    else
      report.problems.push_back({conversion_problem::picture_left_out,
                                 str(ids_path, ": \"", id, "\" is listed, but the table has ",
                                     count ? "rows of several pictures of this name" : "no usable rows of it")});
  }
  return found;
}

ODT_INLINE picture_folder table_folder(const std::string& images, convert_report& report) {
  std::vector<std::string> guesses;
  picture_folder folder(find_picture_folder(images, guesses));
  note(std::move(guesses), conversion_problem::guessed, report);
  std::vector<std::string> not_entered;
  folders_with(folder.path(), picture_endings, &not_entered);
  note(std::move(not_entered), conversion_problem::not_read, report);
  return folder;
}

}  // namespace detail::convert

ODT_INLINE convert_report convert_csv(const convert_options& options) {
  namespace d = detail::convert;
  d::check_options(options);
  if (options.images.empty() || options.annotations.empty())
    fail("images, annotations: the folder of pictures and the CSV file are needed");
  convert_report report;
  const picture_folder folder = d::table_folder(options.images, report);
  std::vector<d::pending> pictures = d::table_pictures(options.annotations, folder, options.normalized, report);
  if (options.ids.empty()) report.without_annotation = d::unlabelled(folder, pictures);
  std::vector<d::pending_set> listed;
  for (const std::string& path : options.ids)
    listed.push_back({d::set_name(path), d::record_files(options, d::set_name(path)),
                      d::listed_pictures(path, pictures, report), path});
  return d::convert_pictures(std::move(pictures), std::move(listed), {options.annotations}, options, std::move(report));
}

ODT_INLINE convert_report convert_csv(const tutorial_options& options) {
  namespace d = detail::convert;
  if (options.csv_input.empty()) fail("csv_input: a table of labels is needed");
  if (options.image_dir.empty()) fail("image_dir: the folder of pictures is needed");
  if (options.output_path.empty()) fail("output_path: a name for the record file is needed");
  convert_options common;
  common.on_bad_example = options.on_bad_example;
  common.overwrite = options.overwrite;
  common.turned = options.turned;
  common.classes = options.classes;
  common.threads = options.threads;
  common.progress = options.progress;
  convert_report report;
  const picture_folder folder = d::table_folder(options.image_dir, report);
  std::vector<d::pending_set> sets(1);
  sets[0] = {d::set_name(options.output_path),
             {options.output_path},
             d::table_pictures(options.csv_input, folder, options.normalized, report)};
  d::settle_claims(sets, report);
  const auto slash = options.output_path.rfind('/');
  const std::string output = slash == std::string::npos ? std::string() : options.output_path.substr(0, slash);
  if (!output.empty()) make_directories(output);
  remove_unfinished(output.empty() ? "." : output);
  const std::string made = join_path(output, "label_map.pbtxt");
  return d::write_sets(sets, options.label_map.empty() ? made : options.label_map, {options.csv_input}, common,
                       std::move(report));
}

}  // namespace odt
