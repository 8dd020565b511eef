// SPDX-License-Identifier: MIT
// Faster R-CNN's anchors (Ren et al., arXiv:1506.01497), as the API's GridAnchorGenerator lays them over one feature
// map. In pixels:
//   centers row * height_stride + height_offset, column * width_stride + width_offset
//   height = scale / sqrt(ratio) * base height, width = scale * sqrt(ratio) * base width
//   of a cell: every aspect ratio with every scale, scales inner
#pragma once

#include <odt/anchor_generator.hpp>
#include <odt/core/error.hpp>
#include <odt/core/static_vector.hpp>

#include <cmath>

namespace odt {

/// Anchors in pixels. Default options: the Faster R-CNN sample configs'.
struct grid_anchor_generator {
  static constexpr std::string_view name = "grid_anchor_generator";
  static constexpr bool in_pixels = true;  ///< anchors are not normalized
  static constexpr std::size_t max_values = 16;

  struct options {
    int height = 256;
    int width = 256;
    int height_stride = 16;
    int width_stride = 16;
    int height_offset = 0;
    int width_offset = 0;
    static_vector<float, max_values> scales{0.25f, 0.5f, 1.0f, 2.0f};
    static_vector<float, max_values> aspect_ratios{0.5f, 1.0f, 2.0f};

    static constexpr void fields(auto& o, auto&& field) {
      field("height", o.height);
      field("width", o.width);
      field("height_stride", o.height_stride);
      field("width_stride", o.width_stride);
      field("height_offset", o.height_offset);
      field("width_offset", o.width_offset);
      field("scales", o.scales);
      field("aspect_ratios", o.aspect_ratios);
    }
  };

  options opts{};

  /// Refuses what would lay no anchors.
  static constexpr void check(const options& o) {
    if (o.scales.empty() || o.aspect_ratios.empty())
      fail(o.scales.size(), " scales and ", o.aspect_ratios.size(), " aspect_ratios; give at least one of both");
    for (const float ratio : o.aspect_ratios)
      if (!(ratio > 0)) fail("aspect ratio ", ratio, "; it has to be above 0");
  }

  constexpr int num_layers() const { return 1; }
  constexpr int boxes_per_cell(int) const { return static_cast<int>(opts.scales.size() * opts.aspect_ratios.size()); }

  std::vector<boxf> generate(std::span<const size2> maps, size2) const {
    check(opts);
    if (maps.size() != 1) fail(name, ": ", maps.size(), " feature maps; it takes one");
    std::vector<boxf> anchors;
    anchors.reserve(static_cast<std::size_t>(anchor_count(*this, maps)));
    for (int row = 0; row < maps[0].height; ++row)
      for (int column = 0; column < maps[0].width; ++column) {
        const auto y = static_cast<float>(row * opts.height_stride + opts.height_offset);
        const auto x = static_cast<float>(column * opts.width_stride + opts.width_offset);
        for (const float ratio : opts.aspect_ratios)
          for (const float scale : opts.scales) {
            const float root = std::sqrt(ratio);
            const float half_height = 0.5f * (scale / root * static_cast<float>(opts.height));
            const float half_width = 0.5f * (scale * root * static_cast<float>(opts.width));
            anchors.push_back({y - half_height, x - half_width, y + half_height, x + half_width});
          }
      }
    return anchors;
  }
};

static_assert(anchor_count(grid_anchor_generator{}, {{38, 64}}) == 29184);

}  // namespace odt
