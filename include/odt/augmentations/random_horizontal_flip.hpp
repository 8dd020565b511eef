// SPDX-License-Identifier: MIT
// A mirror image, left to right.
#pragma once

#include <odt/augmentation.hpp>

namespace odt {

/// Mirrors image and boxes left to right when a uniform number is below `probability`.
struct random_horizontal_flip {
  static constexpr std::string_view name = "random_horizontal_flip";

  struct options {
    float probability = 0.5f;

    static constexpr void fields(auto& o, auto&& field) { field("probability", o.probability); }
  };

  options opts{};

  void draw(sketch& photo, random_stream& random) const { decide(photo, random.uniform()); }

  void decide(sketch& photo, float u) const {
    if (u < opts.probability) photo.flip_horizontally();
  }
};

}  // namespace odt
