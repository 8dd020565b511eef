// SPDX-License-Identifier: MIT
// The image somewhere on a larger canvas: smaller objects.
#pragma once

#include <odt/augmentation.hpp>

#include <vector>

namespace odt {

/// Pads to a random size in [min, max) (0: the image's own, and twice that), with the mean colour unless one is given.
struct random_pad_image {
  static constexpr std::string_view name = "random_pad_image";
  static constexpr bool changes_size = true;

  struct options {
    int min_image_height = 0;
    int min_image_width = 0;
    int max_image_height = 0;
    int max_image_width = 0;
    std::vector<float> pad_color;  ///< RGB in 0..255, or empty

    static constexpr void fields(auto& o, auto&& field) {
      field("min_image_height", o.min_image_height);
      field("min_image_width", o.min_image_width);
      field("max_image_height", o.max_image_height);
      field("max_image_width", o.max_image_width);
      field("pad_color", o.pad_color);
    }
  };

  options opts{};

  static void check(const options& o) {
    if ((o.min_image_height > 0) != (o.min_image_width > 0))
      fail("min_image_height and min_image_width have to be set both or not at all");
    if ((o.max_image_height > 0) != (o.max_image_width > 0))
      fail("max_image_height and max_image_width have to be set both or not at all");
    if (!o.pad_color.empty() && o.pad_color.size() != 3)
      fail("pad_color has ", o.pad_color.size(), " values; it has to have 3 (red, green, blue)");
  }

  void draw(sketch& photo, random_stream& random) const {
    const size2 least{opts.min_image_height, opts.min_image_width};
    const size2 most = opts.max_image_height > 0 ? size2{opts.max_image_height, opts.max_image_width}
                                                 : size2{2 * photo.size().height, 2 * photo.size().width};
    photo.pad_randomly(least, most, color(), random);
  }

  std::optional<rgb> color() const {
    if (opts.pad_color.size() != 3) return std::nullopt;
    return rgb{opts.pad_color[0], opts.pad_color[1], opts.pad_color[2]};
  }
};

}  // namespace odt
