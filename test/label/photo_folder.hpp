// SPDX-License-Identifier: MIT
// A folder of small photos, with labels that are as they are wanted.
#pragma once

#include <odt/io/file.hpp>
#include <odt/io/image_file.hpp>
#include <odt/label/photos.hpp>
#include <odt/label/store.hpp>

#include <scratch.hpp>

#include <string>
#include <vector>

namespace odt::test {

inline annotated_object box(const std::string& name, pixel_box bounds) {
  annotated_object o;
  o.name = name;
  o.bounds = bounds;
  return o;
}

class photo_folder {
 public:
  std::string path(const std::string& name) const { return folder_ / name; }

  void add(const std::string& name, int height = 48, int width = 64) const {
    make_directories(directory_of(path(name)));
    image picture(height, width);
    for (std::size_t i = 0; i < picture.pixels.size(); ++i) picture.pixels[i] = static_cast<std::uint8_t>(i * 7 % 251);
    write_file(path(name), encode_jpeg(picture));
  }

  void add_labels(const std::string& name, const std::string& text) const {
    make_directories(directory_of(path(name)));
    write_file(path(name), text);
  }

 private:
  scratch_directory folder_;
};

/// The labels of one photo as another program may write them.
inline std::string plain_xml(const std::string& objects, const std::string& attributes = "") {
  return "<annotation" + attributes + "><filename>a.jpg</filename><size><width>64</width><height>48</height></size>" +
         objects + "</annotation>\n";
}

inline std::string xml_object(const std::string& name, int xmin = 5, int ymin = 6, int xmax = 30, int ymax = 40) {
  return str("<object><name>", name, "</name><bndbox><xmin>", xmin, "</xmin><ymin>", ymin, "</ymin><xmax>", xmax,
             "</xmax><ymax>", ymax, "</ymax></bndbox></object>");
}

}  // namespace odt::test
