// SPDX-License-Identifier: MIT
// RetinaNet's anchors (Lin et al., arXiv:1708.02002), as the API's MultiscaleGridAnchorGenerator lays them. Level l of
// a pyramid has stride 2^l and, in pixels:
//   centers row * stride + offset, where offset is half a stride if the stride divides the image's side, else 0
//   height = 2^(k / scales_per_octave) / sqrt(ratio) * anchor_scale * stride, width with * sqrt(ratio)
//   of a cell: every aspect ratio with every k below scales_per_octave, k inner
#pragma once

#include <odt/anchor_generator.hpp>
#include <odt/core/error.hpp>
#include <odt/core/static_vector.hpp>

#include <cmath>

namespace odt {

/// Anchors that grow by octaves, one octave a level. Default options: the FPN sample configs'.
struct multiscale_anchor_generator {
  static constexpr std::string_view name = "multiscale_anchor_generator";
  static constexpr std::size_t max_ratios = 16;

  struct options {
    int min_level = 3;
    int max_level = 7;
    float anchor_scale = 4;
    static_vector<float, max_ratios> aspect_ratios{1.0f, 2.0f, 0.5f};
    int scales_per_octave = 2;
    bool normalize_coordinates = true;  ///< false: pixels

    static constexpr void fields(auto& o, auto&& field) {
      field("min_level", o.min_level);
      field("max_level", o.max_level);
      field("anchor_scale", o.anchor_scale);
      field("aspect_ratios", o.aspect_ratios);
      field("scales_per_octave", o.scales_per_octave);
      field("normalize_coordinates", o.normalize_coordinates);
    }
  };

  options opts{};

  /// Refuses what check_levels does, and pixels, which no box is compared with.
  static constexpr void check(const options& o) {
    check_levels(o);
    if (!o.normalize_coordinates)
      fail("normalize_coordinates is false, but ground truth boxes are normalized; leave it out");
  }

  /// Refuses levels without sense, and what would lay no anchors.
  static constexpr void check_levels(const options& o) {
    if (o.min_level < 0 || o.max_level < o.min_level || o.max_level > 24)
      fail("min_level ", o.min_level, " and max_level ", o.max_level, "; they have to be 0 to 24, in this order");
    if (o.aspect_ratios.empty()) fail("no aspect_ratios; give at least one");
    if (o.scales_per_octave < 1) fail("scales_per_octave ", o.scales_per_octave, "; it has to be at least 1");
    for (const float ratio : o.aspect_ratios)
      if (!(ratio > 0)) fail("aspect ratio ", ratio, "; it has to be above 0");
  }

  constexpr int num_layers() const { return opts.max_level - opts.min_level + 1; }
  constexpr int boxes_per_cell(int) const {
    return static_cast<int>(opts.aspect_ratios.size()) * opts.scales_per_octave;
  }

  std::vector<boxf> generate(std::span<const size2> maps, size2 image_size) const {
    check_levels(opts);
    if (maps.size() != static_cast<std::size_t>(num_layers()))
      fail(name, ": ", maps.size(), " feature maps for levels ", opts.min_level, " to ", opts.max_level,
           "; give one a level");
    std::vector<boxf> anchors;
    anchors.reserve(static_cast<std::size_t>(anchor_count(*this, maps)));
    for (int i = 0; i < num_layers(); ++i)
      tile(1 << (opts.min_level + i), maps[static_cast<std::size_t>(i)], image_size, anchors);
    return anchors;
  }

 private:
  static constexpr float offset(int stride, int side) {
    return side % stride == 0 ? static_cast<float>(stride) / 2 : 0.0f;
  }

  void tile(int stride, size2 map, size2 image_size, std::vector<boxf>& anchors) const {
    const float top = offset(stride, image_size.height), left = offset(stride, image_size.width);
    const float down = opts.normalize_coordinates ? 1.0f / static_cast<float>(image_size.height) : 1.0f;
    const float across = opts.normalize_coordinates ? 1.0f / static_cast<float>(image_size.width) : 1.0f;
    const float base = static_cast<float>(stride) * opts.anchor_scale;
    for (int row = 0; row < map.height; ++row)
      for (int column = 0; column < map.width; ++column) {
        const float y = static_cast<float>(row * stride) + top, x = static_cast<float>(column * stride) + left;
        for (const float ratio : opts.aspect_ratios)
          for (int k = 0; k < opts.scales_per_octave; ++k) {
            const auto scale = static_cast<float>(std::exp2(static_cast<double>(k) / opts.scales_per_octave));
            const float root = std::sqrt(ratio);
            const float half_height = 0.5f * (scale / root * base), half_width = 0.5f * (scale * root * base);
            anchors.push_back({(y - half_height) * down, (x - half_width) * across, (y + half_height) * down,
                               (x + half_width) * across});
          }
      }
  }
};

static_assert(anchor_count(multiscale_anchor_generator{}, {{80, 80}, {40, 40}, {20, 20}, {10, 10}, {5, 5}}) == 51150);

}  // namespace odt
