// SPDX-License-Identifier: MIT
// From the tensor of a request to images as a detector eats them.
#pragma once

#include <odt/core/batch.hpp>
#include <odt/image_resizer.hpp>
#include <odt/serve/tensor.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace odt::serve {

struct image_limits {
  std::int64_t max_pixels = 50'000'000;  ///< of one image, by its header or shape
  int max_scans = 100;                   ///< of a progressive JPEG, each of which costs as much as a whole picture
  std::int64_t max_images = 64;          ///< of one request
};

/// One image on its way to a batch.
struct prepared_image {
  std::vector<float> pixels{};  ///< size.height x size.width x 3
  size2 size{};                 ///< of the network's input
  size2 true_size{}, original_size{};
};

/// The images of a request's only input. It may be
///  - pixels, [batch, height, width, 3], bytes or floats of 0 to 255;
///  - strings, [batch] or a scalar: encoded pictures, or tf.Examples with one each.
/// A failure (invalid_argument) names the input, the image and what was wrong.
std::vector<prepared_image> prepare_images(const std::string& name, const tensor& input, const image_resizer& resizer,
                                           const pixel_transform& pixels, const image_limits& limits);

/// What a picture of one colour becomes: for warming up.
prepared_image blank_image(const image_resizer& resizer);

}  // namespace odt::serve

#if defined(ODT_HEADER_ONLY)
#include <odt/serve/images.ipp>
#endif
