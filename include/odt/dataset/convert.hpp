// SPDX-License-Identifier: MIT
// Labelled pictures to TFRecords with a label map, and an account of what was found.
#pragma once

#include <odt/dataset/bad_example.hpp>
#include <odt/dataset/convert_report.hpp>

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
  std::string output;       ///< folder for what is made
  int shards = 1;
  double split = .8;             ///< part of the pictures that goes to train.record, the others to val.record
  std::uint64_t seed = 0;        ///< of the split and of the order
  std::vector<std::string> ids;  ///< instead of a split: files that list pictures, trainval.txt for trainval.record
  bad_example on_bad_example = bad_example::skip;
  int threads = 0;                                         ///< that read pictures; 0: as many as the machine has
  std::function<void(std::size_t, std::size_t)> progress;  ///< (pictures done, pictures in all), may be empty
};

/// XML files of labelImg or PASCAL VOC: every .xml of the folder, or those that `ids` lists. The picture is the one
/// that the XML names, else the one with the XML's own name. All is checked and written before anything gets its final
/// name.
///
/// Left out, or refused (on_bad_example): pictures that are missing or damaged, XML that is none, sizes that contradict
/// the picture, pictures whose objects are all unusable; boxes without name, with a class that the label map lacks,
/// inverted, empty, or outside the picture. Repaired and reported: a missing size, boxes that reach beyond the picture
/// (clipped). Pictures with an EXIF orientation are turned upright and encoded anew; boxes are taken to be drawn on the
/// upright picture, as labelImg shows it, unless the size in the XML says that they were drawn on the stored one: then
/// they are turned too.
convert_report convert_voc(const convert_options& options);

/// The tutorials' table (csv.hpp) at options.annotations; otherwise as convert_voc.
convert_report convert_csv(const convert_options& options);

/// The tutorials' generate_tfrecord: one table, one record file.
struct tutorial_options {
  std::string csv_input;
  std::string image_dir;    ///< some tutorials call it img_path
  std::string output_path;  ///< e.g. "data/train.record"
  std::string label_map;    ///< made when it is absent; empty: label_map.pbtxt beside output_path
  bad_example on_bad_example = bad_example::skip;
};
convert_report convert_csv(const tutorial_options& options);

}  // namespace odt

#if defined(ODT_HEADER_ONLY)
#include <odt/dataset/convert.ipp>
#endif
