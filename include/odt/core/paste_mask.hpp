// SPDX-License-Identifier: MIT
// From a mask that is laid over a detection's box to the pixels of the picture, as the Object Detection API's
// reframe_box_masks_to_image_masks does: bilinear, the corners of the box on the centres of the mask's corner pixels.
#pragma once

#include <odt/core/batch.hpp>
#include <odt/core/run_lengths.hpp>

namespace odt {

/// The probabilities of every pixel of a picture of that size; 0 beside the box (normalized). `mask` has one channel.
float_image paste_mask(const float_image& mask, const boxf& bounds, size2 picture);

/// The pixels of the picture whose probability is above the threshold. Fails for a detection without a mask.
run_lengths object_pixels(const detection& found, size2 picture, float threshold = .5f);

}  // namespace odt

#if defined(ODT_HEADER_ONLY)
#include <odt/core/paste_mask.ipp>
#endif
