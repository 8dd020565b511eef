// SPDX-License-Identifier: MIT
// Some images in black and white.
#pragma once

#include <odt/augmentation.hpp>

namespace odt {

/// Makes the image gray, in all channels, unless a uniform number is above `probability`.
struct random_rgb_to_gray {
  static constexpr std::string_view name = "random_rgb_to_gray";

  struct options {
    float probability = 0.1f;

    static constexpr void fields(auto& o, auto&& field) { field("probability", o.probability); }
  };

  options opts{};

  void draw(sketch& photo, random_stream& random) const { decide(photo, random.uniform()); }

  void decide(sketch& photo, float u) const {
    if (!(u > opts.probability)) photo.gray();
  }
};

}  // namespace odt
