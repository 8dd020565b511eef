// SPDX-License-Identifier: MIT
// Lighter or darker.
#pragma once

#include <odt/augmentation.hpp>

namespace odt {

/// Adds up to max_delta of the full scale, either way, to all channels; clips to 0..255.
struct random_adjust_brightness {
  static constexpr std::string_view name = "random_adjust_brightness";

  struct options {
    float max_delta = 0.2f;

    static constexpr void fields(auto& o, auto&& field) { field("max_delta", o.max_delta); }
  };

  options opts{};

  void draw(sketch& photo, random_stream& random) const {
    photo.brightness(random.uniform(-opts.max_delta, opts.max_delta));
  }
};

}  // namespace odt
