// SPDX-License-Identifier: MIT
#pragma once

#include <odt/core/error.hpp>
#include <odt/core/random.hpp>
#include <odt/core/target.hpp>
#include <odt/core/thread_pool.hpp>
#include <odt/dataset/convert.hpp>
#include <odt/dataset/csv.hpp>
#include <odt/dataset/prepare.hpp>
#include <odt/dataset/voc_xml.hpp>
#include <odt/io/file.hpp>
#include <odt/io/file_writer.hpp>
#include <odt/io/image_file.hpp>
#include <odt/io/tfrecord.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <exception>
#include <filesystem>
#include <optional>
#include <set>
#include <span>
#include <unordered_map>
#include <unordered_set>
#include <utility>

namespace odt {

namespace detail::convert {

/// A picture that waits for its conversion.
struct pending {
  annotation labels;
  std::string picture;
};

/// A set of records that waits for its conversion.
struct pending_set {
  std::string name;
  std::vector<std::string> files;
  std::vector<pending> pictures;
};

ODT_INLINE std::string stem_of(const std::string& filename) { return filename.substr(0, filename.rfind('.')); }

/// The names of the files in a folder that end so (in small letters), sorted.
ODT_INLINE std::vector<std::string> files_in(const std::string& folder, std::span<const std::string_view> endings) {
  if (!is_directory(folder)) fail(folder, ": there is no such directory");
  std::vector<std::string> names;
  std::error_code code;
  for (std::filesystem::directory_iterator at(folder, code), end; !code && at != end; at.increment(code)) {
    std::string name = at->path().filename().string(), ending = at->path().extension().string();
    std::ranges::transform(ending, ending.begin(),
                           [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
    if (std::ranges::find(endings, ending) != endings.end() && !name.starts_with('.')) names.push_back(std::move(name));
  }
  if (code) fail(folder, ": cannot list the directory: ", code.message());
  std::ranges::sort(names);
  return names;
}

/// Finds pictures by their names.
class picture_folder {
 public:
  explicit picture_folder(const std::string& folder) : folder_(folder), names_(files_in(folder, picture_endings)) {
    for (const std::string& name : names_) by_stem_.try_emplace(stem_of(name), name);
    known_.insert(names_.begin(), names_.end());
  }

  /// The path of the picture that has one of these names, or one of them but for its ending; throws when none does.
  std::string find(const std::string& place, std::initializer_list<std::string> names) {
    for (const std::string& name : names)
      if (known_.contains(name)) return use(name);
    for (const std::string& name : names)
      if (const auto found = by_stem_.find(stem_of(name)); !name.empty() && found != by_stem_.end())
        return use(found->second);
    fail(place, ": there is no picture \"", *names.begin(), "\" in ", folder_);
  }

  std::size_t unused() const { return names_.size() - used_.size(); }

 private:
  std::string use(const std::string& name) {
    used_.insert(name);
    return join_path(folder_, name);
  }

  std::string folder_;
  std::vector<std::string> names_;
  std::unordered_map<std::string, std::string> by_stem_;
  std::unordered_set<std::string> known_, used_;
};

/// The first word of each line of a list such as VOC's ImageSets.
ODT_INLINE std::vector<std::string> read_ids(const std::string& path) {
  const std::string text = read_file(path);
  std::vector<std::string> ids;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    const std::string_view line(text.data() + at, end - at);
    const auto first = line.find_first_not_of(" \t\r");
    if (first != std::string_view::npos) {
      const auto last = std::min(line.find_first_of(" \t\r", first), line.size());
      ids.emplace_back(line.substr(first, last - first));
    }
    at = end + 1;
  }
  if (ids.empty()) fail(path, ": the list is empty; one picture's name a line is needed");
  return ids;
}

/// "trainval" of "ImageSets/Main/trainval.txt".
ODT_INLINE std::string set_name(const std::string& ids_path) { return stem_of(last_part(ids_path)); }

ODT_INLINE void check_options(const convert_options& options) {
  if (options.output.empty()) fail("output: a folder for the records is needed");
  if (options.shards < 1 || options.shards > 99999) fail("shards: ", options.shards, "; 1 to 99999 are possible");
  if (!(options.split > 0 && options.split <= 1))
    fail("split: ", options.split, "; the part for training is above 0 and at most 1");
}

ODT_INLINE std::vector<std::string> record_files(const convert_options& options, const std::string& name) {
  const std::string path = join_path(options.output, name + ".record");
  if (options.shards == 1) return {path};
  std::vector<std::string> files;
  for (int i = 0; i < options.shards; ++i) files.push_back(shard_name(path, i, options.shards));
  return files;
}

/// Records of an earlier conversion beside the new ones would be read along with them.
ODT_INLINE void refuse_leftovers(const std::string& folder, const pending_set& set) {
  if (!is_directory(folder)) return;
  const std::string plain = set.name + ".record";
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    const bool of_set = name == plain || (name.starts_with(plain + "-") && name.find("-of-") != std::string::npos);
    if (of_set && std::ranges::find(set.files, join_path(folder, name)) == set.files.end())
      fail(join_path(folder, name), ": is there from a conversion with another number of shards, and would be read ",
           "along with the new ", set.name, " set; remove it or choose another output folder");
  }
}

/// The two sets of a random split.
ODT_INLINE std::vector<pending_set> split_sets(std::vector<pending> pictures, const convert_options& options) {
  random_stream random(options.seed);
  for (std::size_t i = pictures.size(); i > 1; --i)
    std::swap(pictures[i - 1], pictures[static_cast<std::size_t>(random.integer(0, static_cast<std::int64_t>(i)))]);
  const std::size_t all = pictures.size();
  auto trained = static_cast<std::size_t>(std::llround(options.split * static_cast<double>(all)));
  if (options.split < 1 && all > 1) trained = std::clamp<std::size_t>(trained, 1, all - 1);
  if (all == 1) trained = 1;
  std::vector<pending_set> sets(trained < all ? 2 : 1);
  sets[0] = {"train", record_files(options, "train"), {}};
  const auto middle = pictures.begin() + static_cast<std::ptrdiff_t>(trained);
  sets[0].pictures.assign(std::make_move_iterator(pictures.begin()), std::make_move_iterator(middle));
  if (trained < all) {
    sets[1] = {"val", record_files(options, "val"), {}};
    sets[1].pictures.assign(std::make_move_iterator(middle), std::make_move_iterator(pictures.end()));
  }
  return sets;
}

/// Reads the label map, or makes one of all classes.
ODT_INLINE void find_classes(const std::string& given, const std::string& otherwise,
                             const std::vector<pending_set>& sets, convert_report& report) {
  report.label_map_path = given.empty() ? otherwise : given;
  if (file_exists(report.label_map_path)) {
    report.classes = label_map::read(report.label_map_path);
    return;
  }
  std::set<std::string> names;
  for (const pending_set& set : sets)
    for (const pending& picture : set.pictures)
      for (const annotated_object& object : picture.labels.objects) names.insert(object.name);
  if (names.empty()) fail("no label map can be made: no picture has a labelled object");
  report.classes = label_map::from_names({names.begin(), names.end()});
  report.label_map_made = true;
}

ODT_INLINE void refuse_problems(const convert_report& report, bad_example policy) {
  if (policy == bad_example::skip) return;
  const std::size_t repaired = report.count(conversion_problem::repaired), bad = report.problems.size() - repaired;
  if (bad == 0) return;
  std::string text = str(bad, " pictures or boxes cannot be used (on_bad_example: skip would leave them out):");
  std::size_t shown = 0;
  for (const conversion_problem& problem : report.problems)
    if (problem.done != conversion_problem::repaired && shown++ < 100) text += "\n  " + problem.text;
  if (bad > 100) text += str("\n  ... and ", bad - 100, " more");
  throw error(text);
}

ODT_INLINE void count_record(const example& record, convert_report& report, converted_set& set) {
  ++set.pictures;
  set.without_boxes += record.objects.empty();
  report.picture_sizes.push_back({record.height, record.width});
  for (const labelled_object& object : record.objects) {
    report.box_sizes.push_back(std::sqrt(static_cast<double>(area(object.bounds))));
    const auto item = std::ranges::find(report.classes.items(), static_cast<int>(object.label), &label_map_item::id);
    ++set.boxes[static_cast<std::size_t>(item - report.classes.items().begin())];
  }
}

/// Prepares a window of pictures at a time on all threads, and hands them over in their order.
template <class Take>
void prepare_in_order(const std::vector<pending>& pictures, const label_map& classes, thread_pool& pool, Take&& take) {
  const auto window = static_cast<std::size_t>(pool.size()) * 8;
  std::vector<prepared_picture> prepared(window);
  std::vector<std::exception_ptr> thrown(window);
  for (std::size_t first = 0; first < pictures.size(); first += window) {
    const std::size_t count = std::min(window, pictures.size() - first);
    pool.run(static_cast<int>(count), [&](int chunk, int) {
      const auto i = static_cast<std::size_t>(chunk);
      try {
        prepared[i] = prepare_picture(pictures[first + i].labels, pictures[first + i].picture, classes);
      } catch (...) {
        thrown[i] = std::current_exception();
      }
    });
    for (std::size_t i = 0; i < count; ++i) {
      if (thrown[i]) std::rethrow_exception(thrown[i]);
      take(std::move(prepared[i]));
    }
  }
}

/// Writes everything under temporary names, then gives all their names.
ODT_INLINE void write_sets(const std::vector<pending_set>& sets, const convert_options& options,
                           convert_report& report) {
  thread_pool pool(options.threads);
  std::size_t done = 0, all = 0;
  for (const pending_set& set : sets) all += set.pictures.size();
  std::vector<record_writer> writers;
  for (const pending_set& set : sets) {
    const std::size_t first = writers.size(), shards = set.files.size();
    for (const std::string& file : set.files) writers.emplace_back(file);
    converted_set made{set.name, set.files, 0, 0, std::vector<std::size_t>(report.classes.size())};
    prepare_in_order(set.pictures, report.classes, pool, [&](prepared_picture picture) {
      std::ranges::move(picture.problems, std::back_inserter(report.problems));
      if (picture.record) {
        writers[first + made.pictures % shards].write(serialize_example(*picture.record));
        count_record(*picture.record, report, made);
        report.turned += picture.turned;
        report.recoded += picture.recoded;
      }
      if (options.progress) options.progress(++done, all);
    });
    if (made.pictures == 0)
      fail("none of the ", set.pictures.size(), " pictures of the ", set.name, " set can be used",
           report.problems.empty() ? std::string() : "; the last: " + report.problems.back().text);
    report.sets.push_back(std::move(made));
  }
  refuse_problems(report, options.on_bad_example);
  std::vector<atomic_writer*> files;
  for (record_writer& writer : writers) files.push_back(&writer.finish());
  std::optional<atomic_writer> classes;
  if (report.label_map_made) {
    classes.emplace(report.label_map_path).write(report.classes.text());
    files.push_back(&*classes);
  }
  commit_together(files);
}

/// The sets of the options' lists or split, converted.
ODT_INLINE convert_report convert_pictures(std::vector<pending> pictures, std::vector<pending_set> listed,
                                           const convert_options& options, convert_report report) {
  std::vector<pending_set> sets = options.ids.empty() ? split_sets(std::move(pictures), options) : std::move(listed);
  make_directories(options.output);
  remove_unfinished(options.output);
  for (const pending_set& set : sets) {
    if (set.pictures.empty())
      fail("no picture of the ", set.name, " set can be used",
           report.problems.empty() ? std::string() : "; the first problem: " + report.problems.front().text);
    refuse_leftovers(options.output, set);
  }
  find_classes(options.label_map, join_path(options.output, "label_map.pbtxt"), sets, report);
  write_sets(sets, options, report);
  return report;
}

}  // namespace detail::convert

ODT_INLINE convert_report convert_voc(const convert_options& options) {
  namespace d = detail::convert;
  d::check_options(options);
  if (options.images.empty() && options.annotations.empty())
    fail("images, annotations: a folder of pictures and one of XML files are needed (or one that holds both)");
  const std::string annotations = options.annotations.empty() ? options.images : options.annotations;
  d::picture_folder folder(options.images.empty() ? annotations : options.images);
  convert_report report;
  const auto add = [&](const std::string& name, std::vector<d::pending>& pictures) {
    try {
      annotation labels = read_voc_xml(join_path(annotations, name + ".xml"));
      const std::string own_name = name + ".jpg";
      std::string picture = labels.filename.empty() ? folder.find(labels.path, {own_name})
                                                    : folder.find(labels.path, {labels.filename, own_name});
      pictures.push_back({std::move(labels), std::move(picture)});
    } catch (const error& e) {
      report.problems.push_back({conversion_problem::picture_left_out, e.what()});
    }
  };
  std::vector<d::pending> pictures;
  std::vector<d::pending_set> listed;
  for (const std::string& path : options.ids) {
    listed.push_back({d::set_name(path), d::record_files(options, d::set_name(path)), {}});
    for (const std::string& id : d::read_ids(path)) add(id, listed.back().pictures);
  }
  if (options.ids.empty()) {
    const auto files = d::files_in(annotations, std::array<std::string_view, 1>{".xml"});
    if (files.empty()) fail(annotations, ": no .xml files here; labelImg saves one for each labelled picture");
    for (const std::string& file : files) add(d::stem_of(file), pictures);
    report.without_annotation = folder.unused();
    if (pictures.empty())
      fail("none of the ", files.size(), " files in ", annotations,
           " can be used; the first: ", report.problems.front().text);
  }
  return d::convert_pictures(std::move(pictures), std::move(listed), options, std::move(report));
}

namespace detail::convert {

/// The pictures of a table, with those that cannot be found among the problems.
ODT_INLINE std::vector<pending> table_pictures(const std::string& path, picture_folder& folder,
                                               convert_report& report) {
  annotated_table table = read_csv_annotations(path);
  for (std::string& problem : table.problems)
    report.problems.push_back({conversion_problem::box_left_out, std::move(problem)});
  std::vector<pending> pictures;
  for (annotation& labels : table.pictures) {
    try {
      const std::string place = labels.objects.empty() ? path : labels.objects.front().place;
      std::string picture = folder.find(place, {labels.filename});
      pictures.push_back({std::move(labels), std::move(picture)});
    } catch (const error& e) {
      report.problems.push_back({conversion_problem::picture_left_out, e.what()});
    }
  }
  if (pictures.empty()) fail(path, ": none of its pictures can be used; the first: ", report.problems.front().text);
  return pictures;
}

/// The pictures of a list, by file name with or without its ending.
ODT_INLINE std::vector<pending> listed_pictures(const std::string& ids_path, const std::vector<pending>& pictures,
                                                convert_report& report) {
  std::unordered_map<std::string, const pending*> by_name;
  for (const pending& picture : pictures) {
    by_name.try_emplace(picture.labels.filename, &picture);
    by_name.try_emplace(stem_of(picture.labels.filename), &picture);
  }
  std::vector<pending> found;
  for (const std::string& id : read_ids(ids_path)) {
    const auto at = by_name.find(id);
    if (at != by_name.end())
      found.push_back(*at->second);
    else
      report.problems.push_back({conversion_problem::picture_left_out,
                                 str(ids_path, ": \"", id, "\" is listed, but the table has no usable rows of it")});
  }
  return found;
}

}  // namespace detail::convert

ODT_INLINE convert_report convert_csv(const convert_options& options) {
  namespace d = detail::convert;
  d::check_options(options);
  if (options.images.empty() || options.annotations.empty())
    fail("images, annotations: the folder of pictures and the CSV file are needed");
  convert_report report;
  d::picture_folder folder(options.images);
  std::vector<d::pending> pictures = d::table_pictures(options.annotations, folder, report);
  if (options.ids.empty()) report.without_annotation = folder.unused();
  std::vector<d::pending_set> listed;
  for (const std::string& path : options.ids)
    listed.push_back(
        {d::set_name(path), d::record_files(options, d::set_name(path)), d::listed_pictures(path, pictures, report)});
  return d::convert_pictures(std::move(pictures), std::move(listed), options, std::move(report));
}

ODT_INLINE convert_report convert_csv(const tutorial_options& options) {
  namespace d = detail::convert;
  if (options.csv_input.empty()) fail("csv_input: a table of labels is needed");
  if (options.image_dir.empty()) fail("image_dir: the folder of pictures is needed");
  if (options.output_path.empty()) fail("output_path: a name for the record file is needed");
  convert_options common;
  common.on_bad_example = options.on_bad_example;
  convert_report report;
  d::picture_folder folder(options.image_dir);
  std::vector<d::pending_set> sets(1);
  sets[0] = {d::stem_of(detail::last_part(options.output_path)),
             {options.output_path},
             d::table_pictures(options.csv_input, folder, report)};
  const auto slash = options.output_path.rfind('/');
  const std::string output = slash == std::string::npos ? std::string() : options.output_path.substr(0, slash);
  if (!output.empty()) make_directories(output);
  d::find_classes(options.label_map, join_path(output, "label_map.pbtxt"), sets, report);
  d::write_sets(sets, common, report);
  return report;
}

}  // namespace odt
