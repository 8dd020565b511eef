// SPDX-License-Identifier: MIT
#pragma once

#include <odt/core/error.hpp>
#include <odt/core/random.hpp>
#include <odt/core/target.hpp>
#include <odt/core/thread_pool.hpp>
#include <odt/dataset/convert_sets.hpp>
#include <odt/dataset/prepare.hpp>
#include <odt/io/file.hpp>
#include <odt/io/file_writer.hpp>
#include <odt/io/same_file.hpp>
#include <odt/io/tfrecord.hpp>

#include <algorithm>
#include <cmath>
#include <exception>
#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <tuple>
#include <utility>

namespace odt::detail::convert {

ODT_INLINE std::vector<std::string> record_files(const convert_options& options, const std::string& name) {
  const std::string path = join_path(options.output, name + ".record");
  if (options.shards == 1) return {path};
  return api_shards(options.output, name, options.shards);
}

ODT_INLINE std::vector<std::string> api_shards(const std::string& output, const std::string& name, int shards) {
  if (shards < 1 || shards > 99999) fail("shards: ", shards, "; 1 to 99999 are possible");
  std::vector<std::string> files;
  for (int i = 0; i < shards; ++i) files.push_back(shard_name(join_path(output, name + ".record"), i, shards));
  return files;
}

/// Records of an earlier conversion beside the new ones would be read along with them.
ODT_INLINE void refuse_leftovers(const std::string& folder, const pending_set& set) {
  if (!is_directory(folder)) return;
  const std::string plain = set.name + ".record";
  for (const std::string& path : matching_files(join_path(glob_of(folder), glob_of(set.name) + ".record*"))) {
    const std::string name = path.substr(path.rfind('/') + 1);
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
  if (!options.set.empty()) return {pending_set{options.set, record_files(options, options.set), std::move(pictures)}};
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

ODT_INLINE std::string with_problems(const std::string& message, const convert_report& report) {
  std::string problems = report.problems_text(100);
  if (problems.empty()) return message;
  problems.pop_back();  // the line's end
  return str(message, ":\n", problems);
}

ODT_INLINE void refuse_problems(const convert_report& report, bad_example policy) {
  if (policy == bad_example::skip || report.left_out() == 0) return;
  throw error(with_problems(
      str(report.left_out(), " pictures or boxes cannot be used (on_bad_example: skip would leave ", "them out)"),
      report));
}

/// The names of all classes, but for some.
ODT_INLINE std::vector<std::string> class_names(const std::vector<pending_set>& sets,
                                                const std::set<std::string>& without) {
  std::set<std::string> names;
  for (const pending_set& set : sets)
    for (const pending& picture : set.pictures)
      for (const annotated_object& object : picture.labels.objects)
        if (!without.contains(object.name)) names.insert(object.name);
  return {names.begin(), names.end()};
}

ODT_INLINE std::size_t repetitions(const example& record) {
  std::set<std::tuple<std::int64_t, float, float, float, float>> seen;
  for (const labelled_object& o : record.objects)
    seen.emplace(o.label, o.bounds.ymin, o.bounds.xmin, o.bounds.ymax, o.bounds.xmax);
  return record.objects.size() - seen.size();
}

ODT_INLINE void count_record(const example& record, convert_report& report, converted_set& set) {
  ++set.pictures;
  if (const auto [first, fresh] = report.picture_names.emplace(record.key, record.filename); !fresh) {
    if (report.repeated_pictures++ == 0) report.first_repeated = str(record.filename, " is ", first->second);
  }
  set.without_boxes += record.objects.empty();
  report.picture_sizes.push_back({record.height, record.width});
  report.repeated_boxes += repetitions(record);
  for (const labelled_object& object : record.objects) {
    report.masks += !object.mask.pixels.empty();
    report.box_sizes.push_back(std::sqrt(static_cast<double>(area(object.bounds))));
    const label_map_item* const item = report.classes.find(static_cast<int>(object.label));
    ++set.boxes[static_cast<std::size_t>(item - report.classes.items().data())];
  }
}

/// Prepares a window of pictures at a time on all threads, and hands them over in their order.
template <class Take>
void prepare_in_order(const std::vector<pending>& pictures, const label_map& classes, labels_of_turned turned,
                      thread_pool& pool, Take&& take) {
  const auto window = static_cast<std::size_t>(pool.size()) * 8;
  std::vector<prepared_picture> prepared(window);
  std::vector<std::exception_ptr> thrown(window);
  for (std::size_t first = 0; first < pictures.size(); first += window) {
    const std::size_t count = std::min(window, pictures.size() - first);
    pool.run(static_cast<int>(count), [&](int chunk, int) {
      const auto i = static_cast<std::size_t>(chunk);
      try {
        prepared[i] = prepare_picture(pictures[first + i].labels, pictures[first + i].picture, classes, turned);
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

/// Writes all records under temporary names.
ODT_INLINE std::vector<record_writer> write_records(const std::vector<pending_set>& sets,
                                                    const convert_options& options, convert_report& report) {
  thread_pool pool(options.threads);
  std::size_t done = 0, all = 0;
  for (const pending_set& set : sets) all += set.pictures.size();
  std::vector<record_writer> writers;
  for (const pending_set& set : sets) {
    const std::size_t first = writers.size(), shards = set.files.size();
    for (const std::string& file : set.files) writers.emplace_back(file);
    converted_set made{set.name, set.files, 0, 0, std::vector<std::size_t>(report.classes.size())};
    std::size_t at = 0;
    prepare_in_order(set.pictures, report.classes, options.turned, pool, [&](prepared_picture picture) {
      const std::size_t turn = set.pictures[at++].turn.value_or(made.pictures);
      std::ranges::move(picture.problems, std::back_inserter(report.problems));
      if (picture.record) {
        writers[first + turn % shards].write(serialize_example(*picture.record, options.masks));
        count_record(*picture.record, report, made);
        report.turned += picture.turned;
        report.recoded += picture.recoded;
      }
      if (options.progress) options.progress(++done, all);
    });
    report.sets.push_back(std::move(made));
  }
  for (std::size_t i = 0; i < sets.size(); ++i)
    if (report.sets[i].pictures == 0)
      throw error(with_problems(
          str("none of the ", sets[i].pictures.size(), " pictures of the ", sets[i].name, " set can be used"), report));
  return writers;
}

/// Classes of the label map that no box has.
ODT_INLINE std::set<std::string> without_boxes(const convert_report& report) {
  std::set<std::string> names;
  for (std::size_t i = 0; i < report.classes.items().size(); ++i)
    if (std::ranges::all_of(report.sets, [i](const converted_set& set) { return set.boxes[i] == 0; }))
      names.insert(report.classes.items()[i].name);
  return names;
}

ODT_INLINE void commit(std::vector<record_writer>& writers, const convert_options& options,
                       const convert_report& report) {
  std::vector<atomic_writer*> files;
  for (record_writer& writer : writers) files.push_back(&writer.finish());
  for (atomic_writer* file : files)
    if (!options.overwrite && file_exists(file->path()) && !file->unchanged())
      fail(file->path(), ": is there already, with other content; --overwrite replaces it, ",
           options.output.empty() ? "and --output_path gives another name"
           : options.ids.empty()  ? "--set names a set, and --output another folder"
                                  : "and --output gives another folder",
           " (nothing was written)");
  std::optional<atomic_writer> classes;
  if (report.label_map_made) {
    classes.emplace(report.label_map_path).write(report.classes.text());
    files.push_back(&*classes);
  }
  commit_together(files);
}

/// Two sets, or a set and the label map, in one file.
ODT_INLINE void refuse_shared_outputs(const std::vector<pending_set>& sets, const std::string& label_map_path) {
  std::map<std::filesystem::path, std::string> users;
  const auto add = [&](const std::string& path, const std::string& user) {
    std::error_code ignored;
    const auto full = std::filesystem::weakly_canonical(std::filesystem::absolute(path), ignored);
    if (const auto [first, fresh] = users.emplace(full.empty() ? std::filesystem::path(path) : full, user); !fresh)
      fail(path, ": would hold ", first->second, " and ", user,
           "; each needs a name of its own, or convert one after the other into folders of their own");
  };
  for (const pending_set& set : sets)
    for (const std::string& file : set.files)
      add(file, set.list.empty() ? str("the set ", set.name) : str("the pictures of ", set.list));
  add(label_map_path, "the label map");
}

ODT_INLINE void refuse_inputs_as_outputs(const std::vector<pending_set>& sets, std::vector<std::string> inputs) {
  std::vector<std::string> outputs;
  for (const pending_set& set : sets) {
    outputs.insert(outputs.end(), set.files.begin(), set.files.end());
    for (const pending& picture : set.pictures) {
      inputs.push_back(picture.labels.path);
      inputs.push_back(picture.picture);
    }
  }
  refuse_to_replace(inputs, outputs, "choose another name or folder for the records");
}

/// A label map that exists has the classes that were asked for, with the same ids.
ODT_INLINE void refuse_other_classes(const convert_report& report, const std::vector<std::string>& classes) {
  if (report.label_map_made || classes.empty() || report.classes == label_map::from_names(classes)) return;
  fail(report.label_map_path, ": is there already, and its classes are not ", join(classes, ", "),
       "; remove one of the two");
}

/// `attempted`: the report of a conversion that found no usable box.
[[noreturn]] ODT_INLINE void fail_without_classes(const std::vector<pending_set>& sets,
                                                  std::optional<convert_report> attempted, convert_report report) {
  if (!attempted)
    for (const pending_set& set : sets)
      for (const pending& picture : set.pictures)
        for (const std::string& problem : picture.labels.problems)
          report.problems.push_back({conversion_problem::box_left_out, problem});
  throw error(with_problems("no label map can be made: no picture has an object that can be used",
                            attempted ? *attempted : report));
}

ODT_INLINE convert_report write_sets(const std::vector<pending_set>& sets, const std::string& label_map_path,
                                     const std::vector<std::string>& inputs, const convert_options& options,
                                     convert_report report) {
  refuse_shared_outputs(sets, label_map_path);
  for (const pending_set& set : sets) {
    refuse_leftovers(options.output, set);
    if (set.pictures.empty())
      throw error(with_problems(str("no picture of the ", set.name, " set can be used"), report));
  }
  refuse_inputs_as_outputs(sets, inputs);
  const label_map given = options.classes.empty() ? report.classes : label_map::from_names(options.classes);
  report.label_map_path = label_map_path;
  report.label_map_made = !file_exists(label_map_path);
  if (!report.label_map_made) report.classes = label_map::read(label_map_path);
  if (const auto slash = label_map_path.rfind('/'); report.label_map_made && slash != std::string::npos && slash > 0)
    make_directories(label_map_path.substr(0, slash));
  refuse_other_classes(report, options.classes);
  std::set<std::string> unusable;
  for (std::optional<convert_report> last;;) {
    convert_report attempt = report;
    if (report.label_map_made) {
      const std::vector<std::string> names = given.empty() ? class_names(sets, unusable) : std::vector<std::string>();
      if (given.empty() && names.empty()) fail_without_classes(sets, std::move(last), std::move(report));
      attempt.classes = given.empty() ? label_map::from_names(names) : given;
    }
    std::vector<record_writer> writers = write_records(sets, options, attempt);
    const std::set<std::string> empty = without_boxes(attempt);
    if (!report.label_map_made || !given.empty() || empty.empty()) {
      refuse_problems(attempt, options.on_bad_example);
      commit(writers, options, attempt);
      return attempt;
    }
    unusable.insert(empty.begin(), empty.end());  // a class of unusable boxes alone is none: again without it
    last = std::move(attempt);
  }
}

}  // namespace odt::detail::convert
