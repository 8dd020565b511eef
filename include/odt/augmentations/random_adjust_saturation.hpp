// SPDX-License-Identifier: MIT
// Stronger or paler colours.
#pragma once

#include <odt/augmentation.hpp>

namespace odt {

/// Scales the saturation by a factor in [min_delta, max_delta).
struct random_adjust_saturation {
  static constexpr std::string_view name = "random_adjust_saturation";

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
    photo.saturation(random.uniform(opts.min_delta, opts.max_delta));
  }
};

}  // namespace odt
