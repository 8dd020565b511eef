// SPDX-License-Identifier: MIT
#pragma once

#include <odt/augmentations/catalogue.hpp>
#include <odt/augmentations/random_adjust_brightness.hpp>
#include <odt/augmentations/random_adjust_contrast.hpp>
#include <odt/augmentations/random_adjust_hue.hpp>
#include <odt/augmentations/random_adjust_saturation.hpp>
#include <odt/augmentations/random_crop_image.hpp>
#include <odt/augmentations/random_distort_color.hpp>
#include <odt/augmentations/random_horizontal_flip.hpp>
#include <odt/augmentations/random_pad_image.hpp>
#include <odt/augmentations/random_rgb_to_gray.hpp>
#include <odt/augmentations/random_vertical_flip.hpp>
#include <odt/augmentations/ssd_random_crop.hpp>
#include <odt/augmentations/ssd_random_crop_pad.hpp>
#include <odt/core/target.hpp>

namespace odt {

namespace detail::augmentation {

template <odt::augmentation... A>
std::vector<augmentation_kind> kinds() {
  return {augmentation_kind::of<A>()...};
}

}  // namespace detail::augmentation

ODT_INLINE std::vector<augmentation_kind> augmentation_catalogue() {
  return detail::augmentation::kinds<random_adjust_brightness, random_adjust_contrast, random_adjust_hue,
                                     random_adjust_saturation, random_crop_image, random_distort_color,
                                     random_horizontal_flip, random_pad_image, random_rgb_to_gray, random_vertical_flip,
                                     ssd_random_crop, ssd_random_crop_pad>();
}

}  // namespace odt
