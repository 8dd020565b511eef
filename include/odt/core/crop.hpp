// SPDX-License-Identifier: MIT
// Random windows that see enough of some object, and what windows do to the ground truth.
#pragma once

#include <odt/core/batch.hpp>
#include <odt/core/random.hpp>

#include <cstdint>
#include <span>

namespace odt {

/// What a sampled window has to fulfil.
struct crop_constraints {
  float min_object_covered = 1.0f;                           ///< share of at least one box that the window must contain
  float min_aspect_ratio = 0.75f, max_aspect_ratio = 1.33f;  ///< width / height
  float min_area = 0.1f, max_area = 1.0f;                    ///< share of the image
  int max_attempts = 100;                                    ///< then the window is the whole image
};

/// A random window of an image, by the rules of tf.image.sample_distorted_bounding_box: the aspect ratio, then the
/// height, then the place are drawn; windows that break a constraint are drawn again. Without boxes the image itself is
/// the object.
pixel_window sample_window(const crop_constraints& want, std::span<const boxf> boxes, size2 extent,
                           random_stream& random);

/// The window in coordinates normalized to the image.
boxf normalized(const pixel_window& window, size2 extent);

/// Keeps only the boxes with keep[i], in every array of the ground truth.
void filter_labels(labels& truth, std::span<const std::uint8_t> keep);

/// Drops the boxes of which less than the share `overlap_threshold` lies in the window, and those that do not touch
/// it; expresses the others relative to it; clips them to it on demand.
void crop_boxes(labels& truth, const boxf& window, float overlap_threshold, bool clip);

/// Expresses all boxes relative to the window, which may be larger than the image.
void change_frame(std::span<boxf> boxes, const boxf& window);

}  // namespace odt

#if defined(ODT_HEADER_ONLY)
#include <odt/core/crop.ipp>
#endif
