// SPDX-License-Identifier: MIT
// From an image of any size to the network's input: preprocess, resize, pad. Kinds and interpolations are those of
// pipeline.config, with TensorFlow's sampling (core/resize_taps.hpp).
#pragma once

#include <odt/core/batch.hpp>
#include <odt/core/blend.hpp>
#include <odt/core/box.hpp>
#include <odt/core/image.hpp>
#include <odt/core/picture.hpp>
#include <odt/core/pixel_transform.hpp>
#include <odt/core/resize_taps.hpp>
#include <odt/core/settings.hpp>

#include <array>
#include <optional>
#include <vector>

namespace odt {

/// How large the network's input becomes, and how it is filled.
struct image_resizer {
  enum class kind { fixed_shape, keep_aspect_ratio, identity };

  kind what = kind::fixed_shape;
  resize_method method = resize_method::bilinear;
  size2 shape{300, 300};              ///< fixed_shape
  int min_dimension = 600;            ///< keep_aspect_ratio: of the short side,
  int max_dimension = 1024;           ///< unless the long one would become longer than this
  bool pad_to_max_dimension = false;  ///< keep_aspect_ratio: to a square, at the bottom and right
  std::array<float, 3> pad_value{};   ///< after preprocessing

  static image_resizer fixed_shape(size2 shape, resize_method method = resize_method::bilinear);
  static image_resizer keep_aspect_ratio(int min_dimension, int max_dimension, bool pad_to_max_dimension = false,
                                         resize_method method = resize_method::bilinear);

  /// Of an image of that size after resizing, before padding.
  size2 inner_size(size2 extent) const;

  /// Of the network's input for an image of that size.
  size2 outer_size(size2 extent) const;

  /// The size of every network input, if it does not depend on the image.
  std::optional<size2> constant_size() const;

  /// No network input has more pixels; none where images stay as large as they are.
  std::optional<size2> largest_size() const;

  friend bool operator==(const image_resizer&, const image_resizer&) = default;
};

/// The resizer of a model's `image_resizer` message. Kinds and options that are not supported are refused.
image_resizer image_resizer_from(const settings& message);

/// The taps of a whole axis.
struct resize_taps {
  int count = 0;              ///< of an element of the result
  std::vector<int> index;     ///< result x count
  std::vector<float> weight;  ///< result x count; bilinear: the share of the second at its place
};

/// Buffers of `resize`, reused from image to image.
struct resize_scratch {
  resize_taps x, y;
  blend_table blend;  ///< of bilinear rows, instead of x
  std::vector<float> source_row;
  std::vector<float> rows;       ///< the resized rows that are still needed: row r in slot r % y.count
  std::vector<int> row_numbers;  ///< which row each slot holds, or -1
};

/// Fills `out` (outer_size x 3 floats) with the preprocessed, resized and padded image; returns the size before
/// padding.
size2 resize(const image_resizer& resizer, const pixel_transform& change, const picture& source, float* out,
             resize_scratch& scratch);

/// Makes image i of a batch of raw images as a device would: fills `out` (height x width x 3 floats).
void make_image(const batch& b, int i, float* out, resize_scratch& scratch);

/// One image as a detector eats it.
struct network_input {
  float_image pixels;  ///< preprocessed, resized, padded
  size2 true_size;     ///< before padding
  size2 original_size;

  /// A box normalized to the network's input, normalized to the original image.
  boxf to_original(const boxf& b) const {
    const float y = static_cast<float>(pixels.height) / static_cast<float>(true_size.height);
    const float x = static_cast<float>(pixels.width) / static_cast<float>(true_size.width);
    return {b.ymin * y, b.xmin * x, b.ymax * y, b.xmax * x};
  }
};

/// Makes the input of a detector from a decoded image.
network_input to_network_input(const image& source, const image_resizer& resizer, const pixel_transform& change);

}  // namespace odt

#if defined(ODT_HEADER_ONLY)
#include <odt/image_resizer.ipp>
#endif
