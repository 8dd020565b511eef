// SPDX-License-Identifier: MIT
// A labelled set of pictures out of nothing: textured circles, squares, stars and triangles on cluttered ground, so
// that everything can be tried without photos.
#pragma once

#include <odt/core/image.hpp>
#include <odt/dataset/annotation.hpp>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace odt {

struct shapes_options {
  std::string output;    ///< folder: images/ and annotations/ are made in it, as labelImg does
  int count = 300;       ///< pictures
  size2 size{240, 320};  ///< of each, in pixels, at least 64
  int max_objects = 4;   ///< in a picture; at least one
  bool masks = false;    ///< also instances.json, COCO's annotations with the outlines as polygons
  std::uint64_t seed = 0;
  std::function<void(std::size_t, std::size_t)> progress;  ///< (pictures done, pictures in all), may be empty
};

/// The classes, in alphabetical order.
std::vector<std::string> shape_names();

/// A picture and its labels (bounds are tight, in whole pixels).
struct shapes_picture {
  image picture;
  std::vector<annotated_object> objects;
  std::vector<std::vector<double>> outlines;  ///< of each object, as a polygon: x, y, x, y, ... in pixels
};

/// Picture `number` of a set: a function of the options' seed, size and max_objects, and the number alone.
shapes_picture draw_shapes(const shapes_options& options, int number);

/// Writes images/shapes_00000.jpg ... and annotations/shapes_00000.xml ..., and instances.json where masks are wanted.
/// An object that another one covers a little has its whole outline nevertheless, as it has its whole box.
void make_shapes(const shapes_options& options);

}  // namespace odt

#if defined(ODT_HEADER_ONLY)
#include <odt/dataset/shapes.ipp>
#endif
