// SPDX-License-Identifier: MIT
// Labelled pictures to TFRecords with a label map, and an account of what was found.
#pragma once

#include <odt/dataset/bad_example.hpp>
#include <odt/dataset/convert_report.hpp>
#include <odt/dataset/prepare.hpp>
#include <odt/io/mask.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace odt {

struct convert_options {
  std::string images;       ///< folder of pictures; empty: that of the annotations
  std::string annotations;  ///< folder of XML files, or the CSV file; empty: the folder of pictures
  std::string label_map;    ///< made when it is absent (ids from 1 in the order of the names); empty: in `output`
  std::vector<std::string> classes;  ///< of a label map that is made, in the order of their ids; empty: all, by name
  std::string output;                ///< folder for what is made
  int shards = 1;
  double split = .8;             ///< part of the pictures that goes to train.record, the others to val.record
  std::string set;               ///< instead of a split: the name of the one set, "valid" for valid.record
  std::uint64_t seed = 0;        ///< of the split and of the order
  std::vector<std::string> ids;  ///< instead of a split: files that list pictures, trainval.txt for trainval.record
  bool overwrite = false;        ///< records that exist and would change are replaced
  labels_of_turned turned = labels_of_turned::upright;
  bool normalized = false;           ///< boxes are shares of the picture's sides, not pixels
  mask_type masks = mask_type::png;  ///< how masks are written, where there are any
  bad_example on_bad_example = bad_example::skip;
  int threads = 0;                                         ///< that read pictures; 0: as many as the machine has
  std::function<void(std::size_t, std::size_t)> progress;  ///< (pictures done, pictures in all), may be empty
};

/// XML files of labelImg or PASCAL VOC: every .xml of the folder, or those that `ids` lists. picture_folder.hpp says
/// how an XML file finds its picture, label_folders.hpp where both are looked for. All is checked and written before
/// anything gets its final name; records that exist are replaced only by the same bytes, unless `overwrite` is set;
/// nothing that was given is written over.
///
/// Left out, or refused (on_bad_example): pictures that are missing or damaged, XML that is none, all but the surest of
/// several XML files that claim one picture, sizes that contradict the picture, pictures whose objects are all
/// unusable; boxes without name, with a class that the label map lacks, inverted, empty, or outside the picture, and
/// boxes between 0 and 1 (unless `normalized`). Repaired and reported: a missing size, boxes that reach beyond the
/// picture (clipped). Reported too: what was taken by a guess, and what stands in the labels and is not read. Pictures
/// with an EXIF orientation are turned upright and encoded anew. Whether boxes were drawn on the upright picture, as
/// labelImg shows it, or on the stored one is told by the size in the XML; where it does not tell, `turned` does, and
/// it is reported. A label map that is made has the classes of usable boxes alone.
convert_report convert_voc(const convert_options& options);

/// The tutorials' table (csv.hpp) at options.annotations; otherwise as convert_voc.
convert_report convert_csv(const convert_options& options);

/// The tutorials' generate_tfrecord: one table, one record file.
struct tutorial_options {
  std::string csv_input;
  std::string image_dir;             ///< some tutorials call it img_path
  std::string output_path;           ///< e.g. "data/train.record"
  std::string label_map;             ///< made when it is absent; empty: label_map.pbtxt beside output_path
  std::vector<std::string> classes;  ///< these and the following: see convert_options
  bool overwrite = false;
  labels_of_turned turned = labels_of_turned::upright;
  bool normalized = false;
  bad_example on_bad_example = bad_example::skip;
  int threads = 0;
  std::function<void(std::size_t, std::size_t)> progress;
};
convert_report convert_csv(const tutorial_options& options);

}  // namespace odt

#if defined(ODT_HEADER_ONLY)
#include <odt/dataset/convert.ipp>
#endif
