// SPDX-License-Identifier: MIT
#pragma once

#include <odt/core/error.hpp>
#include <odt/core/target.hpp>
#include <odt/dataset/convert_pets.hpp>
#include <odt/dataset/convert_sets.hpp>
#include <odt/dataset/id_list.hpp>
#include <odt/dataset/picture_folder.hpp>
#include <odt/dataset/python_shuffle.hpp>
#include <odt/dataset/voc_xml.hpp>
#include <odt/io/file.hpp>
#include <odt/io/image_file.hpp>
#include <odt/io/unicode.hpp>

#include <algorithm>
#include <cctype>
#include <cstdint>
#include <set>
#include <span>
#include <utility>

namespace odt {

namespace detail::pets {

using convert::pending;
using convert::pending_set;

/// "american_bulldog" of "american_bulldog_105.jpg"; `place` is for the message.
ODT_INLINE std::string breed_of(const std::string& picture, const std::string& place) {
  const std::string stem = without_ending(last_part(picture));
  const std::size_t end = stem.find_last_not_of("0123456789");
  const bool numbered = end != std::string::npos && end > 0 && end + 1 < stem.size() && stem[end] == '_';
  std::string breed = numbered ? stem.substr(0, end) : std::string();
  const auto is_part = [](unsigned char c) { return std::isalpha(c) || c == '_'; };
  if (breed.empty() || !std::ranges::all_of(breed, is_part))
    fail(place, ": the picture is called ", last_part(picture),
         "; the breed, \"_\" and a number belong into its name, as in american_bulldog_105.jpg");
  return breed;
}

/// The pet's pixels in a trimap.
ODT_INLINE image read_trimap(const std::string& path) {
  const std::string bytes = read_file(path);
  const image_info info = read_image_info(bytes, path);
  if (info.format != image_format::png || info.channels != 1)
    fail(path, ": a trimap is a gray PNG with the values 1, 2 and 3; this is a ", format_name(info.format), " of ",
         info.channels, info.channels == 1 ? " channel" : " channels");
  const image decoded = decode_image(bytes, path);
  image mask(decoded.height, decoded.width, 1);
  for (std::size_t i = 0; i < mask.pixels.size(); ++i) {
    const int value = decoded.pixels[3 * i];
    if (value < 1 || value > 3)
      fail(path, ": row ", i / static_cast<std::size_t>(mask.width), ", column ",
           i % static_cast<std::size_t>(mask.width), " is ", value,
           "; a trimap has 1 (pet), 2 (background) and 3 (unclear)");
    mask.pixels[i] = value != 2;
  }
  return mask;
}

/// The folders and the kind of labels.
struct source {
  const pets_options& what;
  std::string annotations;
  picture_folder images;

  explicit source(const pets_options& options)
      : what(options),
        annotations(join_path(options.data_dir, "annotations")),
        images(join_path(options.data_dir, "images")) {}

  /// The labels of a line of the list; throws when there are none.
  pending read(const std::string& line, convert_report& report) const {
    const std::string id = line.substr(0, line.find(' '));
    const std::string path = join_path(annotations, "xmls/" + id + ".xml");
    if (!file_exists(path)) fail(path, ": there is no such file; trainval.txt lists \"", line, "\"");
    annotation labels = read_voc_xml(path);
    found_picture found = images.of_xml(labels);
    if (!found.guess.empty()) report.problems.push_back({conversion_problem::guessed, std::move(found.guess)});
    const std::string breed = breed_of(found.path, path);
    for (annotated_object& object : labels.objects) {
      object.name = breed;
      if (what.faces_only) continue;
      object.mask = [trimap = join_path(annotations, "trimaps/" + id + ".png")](size2) { return read_trimap(trimap); };
      object.bounds_of_mask = true;
    }
    return {std::move(labels), std::move(found.path), found.rank};
  }
};

ODT_INLINE pending_set read_set(const source& from, const std::string& name, std::span<const std::string> lines,
                                const convert_options& how, convert_report& report) {
  pending_set set{name, convert::api_shards(how.output, name, how.shards), {}};
  for (std::size_t i = 0; i < lines.size(); ++i) try {
      pending picture = from.read(lines[i], report);
      picture.turn = i;
      set.pictures.push_back(std::move(picture));
    } catch (const error& wrong) {
      report.problems.push_back({conversion_problem::picture_left_out, wrong.what()});
    }
  return set;
}

/// All breeds, with ids in the order of their names without regard to case.
ODT_INLINE label_map classes_of(const std::vector<pending_set>& sets) {
  std::set<std::pair<std::string, std::string>> breeds;
  for (const pending_set& set : sets)
    for (const pending& picture : set.pictures)
      for (const annotated_object& object : picture.labels.objects)
        breeds.emplace(folded_text(object.name), object.name);
  std::vector<std::string> names;
  for (const auto& breed : breeds) names.push_back(breed.second);
  return names.empty() ? label_map() : label_map::from_names(names);
}

}  // namespace detail::pets

ODT_INLINE convert_report convert_pets(const pets_options& what, const convert_options& how) {
  namespace d = detail::pets;
  constexpr std::uint32_t seed = 42;
  if (what.data_dir.empty()) fail("data_dir: the folder that holds images and annotations is needed");
  if (how.output.empty()) fail("output: a folder for the records is needed");
  const d::source from(what);
  convert_options options = how;
  options.ids = {join_path(from.annotations, "trainval.txt")};
  std::vector<std::string> lines = detail::convert::read_ids(options.ids[0]);
  python_shuffle(lines, seed);
  const auto trained = static_cast<std::size_t>(0.7 * static_cast<double>(lines.size()));
  const std::span<const std::string> all(lines);
  const std::string kind = what.faces_only ? "pet_faces_" : "pets_fullbody_with_masks_";
  convert_report report;
  std::vector<d::pending_set> sets;
  sets.push_back(d::read_set(from, kind + "train", all.first(trained), how, report));
  sets.push_back(d::read_set(from, kind + "val", all.subspan(trained), how, report));
  report.classes = d::classes_of(sets);
  make_directories(how.output);
  remove_unfinished(how.output);
  const std::string made = join_path(how.output, "label_map.pbtxt");
  return detail::convert::write_sets(sets, how.label_map.empty() ? made : how.label_map, options.ids, options,
                                     std::move(report));
}

}  // namespace odt
