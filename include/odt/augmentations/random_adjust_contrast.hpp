// SPDX-License-Identifier: MIT
// More or less contrast.
#pragma once

#include <odt/augmentation.hpp>

namespace odt {

/// Scales the distance to the mean of each channel by a factor in [min_delta, max_delta); clips to 0..255.
struct random_adjust_contrast {
  static constexpr std::string_view name = "random_adjust_contrast";

  struct options {
    float min_delta = 0.8f;
    float max_delta = 1.25f;

    static constexpr void fields(auto& o, auto&& field) {
      field("min_delta", o.min_delta);
      field("max_delta", o.max_delta);
    }
  };

  options opts{};

  void draw(sketch& photo, random_stream& random) const {
    photo.contrast(random.uniform(opts.min_delta, opts.max_delta));
  }
};

}  // namespace odt
