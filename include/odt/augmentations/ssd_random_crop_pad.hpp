// SPDX-License-Identifier: MIT
// A crop by one of the SSD paper's rules, put back onto a canvas about as large as the original or larger.
#pragma once

#include <odt/augmentation.hpp>

#include <vector>

namespace odt {

/// Draws one of `operations`, crops by it, and pads.
struct ssd_random_crop_pad {
  static constexpr std::string_view name = "ssd_random_crop_pad";
  static constexpr bool changes_size = true;

  /// A crop and the canvas behind it, relative to the size before the crop.
  struct rule {
    crop_options crop;
    size2_ratio least{1, 1}, most{2, 2};
    std::optional<rgb> color;  ///< the mean of the crop when absent
  };

  /// Rules, as the file gives them; six like the paper's when it gives none.
  struct rules : std::vector<rule> {
    static rules paper() {
      rules all;
      for (const float share : {0.1f, 0.3f, 0.5f, 0.7f, 0.9f, 1.0f}) {
        rule r;
        r.crop = ssd_crop_options(share);
        all.push_back(r);
      }
      return all;
    }

    static rules from(const settings& list) {
      if (list.children.empty()) return paper();
      rules all;
      for (const settings& element : list.children) {
        rule r;
        r.crop = read_crop_options(element);
        r.least = ratio(element.at("min_padded_size_ratio"));
        r.most = ratio(element.at("max_padded_size_ratio"));
        r.color = rgb{element.get<float>("pad_color_r"), element.get<float>("pad_color_g"),
                      element.get<float>("pad_color_b")};
        all.push_back(r);
      }
      return all;
    }

   private:
    static size2_ratio ratio(const settings& list) {
      if (list.children.size() != 2)
        fail(list.where(), "has ", list.children.size(), " values; it has to have 2 (height, width)");
      return {list.children[0].as<float>(), list.children[1].as<float>()};
    }
  };

  struct options {
    rules operations = rules::paper();

    static constexpr void fields(auto& o, auto&& field) { field("operations", o.operations); }
  };

  options opts{};

  void draw(sketch& photo, random_stream& random) const {
    const auto choice = random.integer(0, static_cast<std::int64_t>(opts.operations.size()));
    const rule& r = opts.operations[static_cast<std::size_t>(choice)];
    const size2 before = photo.size();
    photo.crop_randomly(r.crop, random);
    photo.pad_randomly(r.least.of(before), r.most.of(before), r.color, random);
  }
};

}  // namespace odt
