// SPDX-License-Identifier: MIT
// The crops of the SSD paper (Liu et al., 2016): one of several rules, drawn per image.
#pragma once

#include <odt/augmentation.hpp>

#include <vector>

namespace odt {

/// Draws one of `operations` and crops by it.
struct ssd_random_crop {
  static constexpr std::string_view name = "ssd_random_crop";
  static constexpr bool changes_size = true;

  /// Rules, as the file gives them; the paper's seven when it gives none.
  struct rules : std::vector<crop_options> {
    static rules paper() {
      rules all;
      for (const float share : {0.0f, 0.1f, 0.3f, 0.5f, 0.7f, 0.9f, 1.0f}) all.push_back(ssd_crop_options(share));
      return all;
    }

    static rules from(const settings& list) {
      if (list.children.empty()) return paper();
      rules all;
      for (const settings& element : list.children) {
        all.push_back(read_crop_options(element));
      }
      return all;
    }
  };

  struct options {
    rules operations = rules::paper();

    static constexpr void fields(auto& o, auto&& field) { field("operations", o.operations); }
  };

  options opts{};

  void draw(sketch& photo, random_stream& random) const {
    const auto choice = random.integer(0, static_cast<std::int64_t>(opts.operations.size()));
    photo.crop_randomly(opts.operations[static_cast<std::size_t>(choice)], random);
  }
};

}  // namespace odt
