// SPDX-License-Identifier: MIT
// For convert.ipp: labels that have found their pictures, to record files and a label map.
#pragma once

#include <odt/dataset/annotation.hpp>
#include <odt/dataset/convert.hpp>
#include <odt/dataset/convert_report.hpp>

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace odt::detail::convert {

/// A picture that waits for its conversion.
struct pending {
  annotation labels;
  std::string picture;
  int rank = 0;                       ///< of found_picture
  std::optional<std::size_t> turn{};  ///< shards are dealt out by it; none: by the pictures that were taken before
};

/// A set of records that waits for its conversion.
struct pending_set {
  std::string name;
  std::vector<std::string> files;
  std::vector<pending> pictures;
  std::string list = {};  ///< the file of ids that makes the set; empty: none does
};

/// The files of a set: one, or the shards.
std::vector<std::string> record_files(const convert_options& options, const std::string& name);

/// The shards of a set under the API's names, also where it is one.
std::vector<std::string> api_shards(const std::string& output, const std::string& name, int shards);

/// The two sets of a random split, or the one that has a name.
std::vector<pending_set> split_sets(std::vector<pending> pictures, const convert_options& options);

/// The message, after it all problems: for an error.
std::string with_problems(const std::string& message, const convert_report& report);

/// Reads the label map, or makes one: report.classes, where it has some, else all classes with usable boxes. Converts
/// all pictures; commits records and label map together. `inputs`: files beside labels and pictures that must not be
/// written over.
convert_report write_sets(const std::vector<pending_set>& sets, const std::string& label_map_path,
                          const std::vector<std::string>& inputs, const convert_options& options,
                          convert_report report);

}  // namespace odt::detail::convert

#if defined(ODT_HEADER_ONLY)
#include <odt/dataset/convert_sets.ipp>
#endif
