// SPDX-License-Identifier: MIT
// A mirror image, top to bottom.
#pragma once

#include <odt/augmentation.hpp>

namespace odt {

/// Mirrors image and boxes top to bottom when a uniform number is below `probability`.
struct random_vertical_flip {
  static constexpr std::string_view name = "random_vertical_flip";

  struct options {
    float probability = 0.5f;

    static constexpr void fields(auto& o, auto&& field) { field("probability", o.probability); }
  };

  options opts{};

  void draw(sketch& photo, random_stream& random) const { decide(photo, random.uniform()); }

  void decide(sketch& photo, float u) const {
    if (u < opts.probability) photo.flip_vertically();
  }
};

}  // namespace odt
