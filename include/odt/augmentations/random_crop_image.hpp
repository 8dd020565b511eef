// SPDX-License-Identifier: MIT
// A window of the image that sees enough of some object.
#pragma once

#include <odt/augmentation.hpp>

namespace odt {

/// Crops to a sampled window (see crop_options).
struct random_crop_image {
  static constexpr std::string_view name = "random_crop_image";
  static constexpr bool changes_size = true;

  using options = crop_options;

  options opts{};

  static void check(const options& o) { odt::check(o); }

  void draw(sketch& photo, random_stream& random) const { photo.crop_randomly(opts, random); }
};

}  // namespace odt
