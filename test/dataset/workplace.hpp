// SPDX-License-Identifier: MIT
// A folder of labelled pictures, for the tests of conversions.
#pragma once

#include <odt/core/error.hpp>
#include <odt/dataset/convert.hpp>
#include <odt/dataset/voc_xml.hpp>
#include <odt/io/example.hpp>
#include <odt/io/file.hpp>
#include <odt/io/image_file.hpp>
#include <odt/io/tfrecord.hpp>

#include "../golden.hpp"

#include <unistd.h>

#include <string>
#include <utility>
#include <vector>

namespace odt::test {

/// A folder of its own for each test, gone afterwards.
struct workplace {
  fs::path root = fs::temp_directory_path() / (str("odt_convert_", ::getpid()));

  workplace() {
    fs::remove_all(root);
    fs::create_directories(root / "images");
    fs::create_directories(root / "annotations");
  }
  ~workplace() { fs::remove_all(root); }

  std::string path(const std::string& name) const { return (root / name).string(); }

  convert_options options() const {
    convert_options o;
    o.images = path("images");
    o.annotations = path("annotations");
    o.output = path("out");
    o.threads = 2;
    return o;
  }

  void add_picture(const std::string& name, int height = 48, int width = 64) const {
    image picture(height, width);
    for (int y = 0; y < height; ++y)
      for (int x = 0; x < width; ++x) picture.at(y, x)[0] = static_cast<std::uint8_t>(x * 3);
    write_image(path("images/" + name), picture);
  }

  void add_xml(const std::string& name, const annotation& labels) const {
    write_file(path("annotations/" + name), voc_xml_text(labels));
  }

  /// A picture of 64 x 48 pixels with objects.
  void add(const std::string& stem, std::vector<annotated_object> objects, size2 size = {48, 64}) const {
    add_picture(stem + ".jpg");
    add_xml(stem + ".xml", {"", stem + ".jpg", size, std::move(objects), {}});
  }
};

inline annotated_object object(const std::string& name, pixel_box b) { return {name, b, false, false, "", ""}; }

inline std::vector<example> read_records(const std::vector<std::string>& files) {
  std::vector<example> examples;
  for (const std::string& file : files) {
    const record_file records(file);
    for (std::size_t i = 0; i < records.size(); ++i)
      examples.push_back(parse_example(records.read(i), records.place(i)));
  }
  return examples;
}

/// The JPEG with an EXIF orientation.
inline std::string oriented(const std::string& jpeg, char orientation) {
  std::string segment(
      "\xFF\xE1\0\x22"
      "Exif\0\0"
      "II*\0\x08\0\0\0\x01\0"
      "\x12\x01\x03\0\x01\0\0\0?\0\0\0"
      "\0\0\0\0",
      36);
  segment[segment.find('?')] = orientation;
  std::string result = jpeg;
  result.insert(2, segment);
  return result;
}

inline auto says(const std::string& piece) {
  return [piece](const error& e) {
    BOOST_TEST_MESSAGE(e.what());
    return std::string(e.what()).find(piece) != std::string::npos;
  };
}

}  // namespace odt::test
