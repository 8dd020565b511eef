// SPDX-License-Identifier: MIT
// What a loader hands to a train step, and what a detector hands back.
#pragma once

#include <odt/core/box.hpp>
#include <odt/core/image.hpp>
#include <odt/core/pixel_transform.hpp>
#include <odt/core/recipe.hpp>
#include <odt/core/resize_taps.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace odt {

/// The ground truth of one image. All vectors have one element a box.
struct labels {
  std::vector<boxf> boxes;     ///< normalized
  std::vector<int> classes;    ///< 0-based (label map id - 1)
  std::vector<float> weights;  ///< 1 unless the record says otherwise
  std::vector<float> areas;    ///< square pixels of the original image
  std::vector<std::uint8_t> crowd, difficult, group_of;
  std::vector<image> masks;  ///< one channel, 1 where the object is, as large as the picture; or none at all

  std::size_t size() const { return boxes.size(); }
};

/// The ground truth of a batch where it lies: that of image i begins at i * max_boxes and has counts[i] boxes.
struct ground_truth {
  int size = 0;       ///< images
  int max_boxes = 0;  ///< capacity of an image
  const int* counts = nullptr;
  const boxf* boxes = nullptr;
  const int* classes = nullptr;    ///< 0-based
  const float* weights = nullptr;  ///< a box of weight 0 takes no part in the loss
};

/// How the network's input is made of augmented pictures.
struct image_form {
  resize_method method = resize_method::bilinear;
  pixel_transform transform;         ///< before resizing
  std::array<float, 3> pad_value{};  ///< beside the resized picture
};

/// An image that the step's device is to make of a picture in bytes; or, where these would take more memory, the image.
struct raw_image {
  image picture;                ///< RGB
  recipe steps;                 ///< to be followed; the result is resized to the image's true size
  std::vector<float> finished;  ///< height x width x 3 of the batch; where it is there, there is nothing to be done
};

/// Images as the network eats them (augmented, preprocessed, resized, padded), or raw ones, with their ground truth,
/// padded to `max_boxes` an image.
struct batch {
  int size = 0;    ///< images
  int height = 0;  ///< of the network's input
  int width = 0;
  int max_boxes = 0;              ///< capacity of the ground truth of an image
  std::vector<float> images;      ///< size x height x width x 3; empty where there are raw ones
  std::vector<raw_image> raws;    ///< of each image, or none
  image_form form;                ///< of the raw images
  std::vector<int> counts;        ///< boxes of each image, at most max_boxes
  std::vector<boxf> boxes;        ///< size x max_boxes, normalized to the network's input
  std::vector<int> classes;       ///< size x max_boxes, 0-based
  std::vector<float> weights;     ///< size x max_boxes
  std::vector<image> masks;       ///< size x max_boxes, one channel, of the input's size (behind counts empty); or none
  std::vector<size2> true_sizes;  ///< of each image after resizing, before padding
  std::vector<size2> original_sizes;  ///< of each image in its record
  std::vector<std::string> ids;       ///< for messages: source_id or filename, else record and number
  std::vector<labels> groundtruth;    ///< evaluation only: all boxes of the record, as they are there
  std::vector<image> originals;       ///< evaluation only: the picture as decoded, for summaries
  std::uint64_t first_sample = 0;     ///< number in the run of the first image

  /// A view of the boxes.
  ground_truth truth() const { return {size, max_boxes, counts.data(), boxes.data(), classes.data(), weights.data()}; }

  /// Where image i lies in its padded input, normalized to that; all of it where true_sizes are not given.
  boxf window(std::size_t i) const {
    if (true_sizes.empty()) return {0, 0, 1, 1};
    return {0, 0, static_cast<float>(true_sizes[i].height) / static_cast<float>(height),
            static_cast<float>(true_sizes[i].width) / static_cast<float>(width)};
  }

  /// A batch of zeros of the given shape.
  static batch zeros(int size, int height, int width, int max_boxes) {
    batch b;
    b.size = size, b.height = height, b.width = width, b.max_boxes = max_boxes;
    const auto n = static_cast<std::size_t>(size), slots = n * static_cast<std::size_t>(max_boxes);
    b.images.resize(n * static_cast<std::size_t>(height) * static_cast<std::size_t>(width) * 3);
    b.counts.resize(n);
    b.boxes.resize(slots);
    b.classes.resize(slots);
    b.weights.resize(slots);
    b.true_sizes.assign(n, {height, width});
    b.original_sizes.assign(n, {height, width});
    b.ids.resize(n);
    return b;
  }
};

/// One found object.
struct detection {
  boxf bounds;    ///< normalized to the original image
  int label = 0;  ///< class, 0-based
  float score = 0;
  int anchor = -1;     ///< the prediction that it comes from
  float_image mask{};  ///< probabilities that a pixel is the object's, laid over the box, one channel; or empty
};

using detections = std::vector<detection>;

}  // namespace odt
