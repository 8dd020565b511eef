// SPDX-License-Identifier: MIT
// Other colours.
#pragma once

#include <odt/augmentation.hpp>

namespace odt {

/// Turns the hue by up to max_delta of a full turn, either way.
struct random_adjust_hue {
  static constexpr std::string_view name = "random_adjust_hue";

  struct options {
    float max_delta = 0.02f;

    static constexpr void fields(auto& o, auto&& field) { field("max_delta", o.max_delta); }
  };

  options opts{};

  void draw(sketch& photo, random_stream& random) const { photo.hue(random.uniform(-opts.max_delta, opts.max_delta)); }
};

}  // namespace odt
