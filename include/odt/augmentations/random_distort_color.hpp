// SPDX-License-Identifier: MIT
// All four colour changes at once, with the ranges of the SSD paper's code (Liu et al., 2016).
#pragma once

#include <odt/augmentation.hpp>

namespace odt {

/// Brightness by up to 32/255, saturation and contrast by a factor in [0.5, 1.5), hue by up to 0.2 turns; in the order
/// brightness, saturation, hue, contrast (color_ordering 0) or brightness, contrast, saturation, hue (1).
struct random_distort_color {
  static constexpr std::string_view name = "random_distort_color";

  struct options {
    int color_ordering = 0;

    static constexpr void fields(auto& o, auto&& field) { field("color_ordering", o.color_ordering); }
  };

  options opts{};

  /// The amounts that one image gets.
  struct amounts {
    float brightness, saturation, hue, contrast;
  };

  static void check(const options& o) {
    if (o.color_ordering != 0 && o.color_ordering != 1)
      fail("color_ordering is ", o.color_ordering, "; it has to be 0 or 1");
  }

  void draw(sketch& photo, random_stream& random) const {
    amounts a{};
    a.brightness = random.uniform(-32.0f / 255.0f, 32.0f / 255.0f);
    a.saturation = random.uniform(0.5f, 1.5f);
    a.hue = random.uniform(-0.2f, 0.2f);
    a.contrast = random.uniform(0.5f, 1.5f);
    decide(photo, a);
  }

  void decide(sketch& photo, const amounts& a) const {
    photo.brightness(a.brightness);
    if (opts.color_ordering == 1) photo.contrast(a.contrast);
    photo.saturation(a.saturation);
    photo.hue(a.hue);
    if (opts.color_ordering == 0) photo.contrast(a.contrast);
  }
};

}  // namespace odt
