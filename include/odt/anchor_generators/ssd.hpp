// SPDX-License-Identifier: MIT
// SSD's anchors (Liu et al., 2016, section 2.2), as create_ssd_anchors of the API lays them. With L layers:
//   s_i = min_scale + (max_scale - min_scale) * i / (L - 1), and after the last one 1.0
//   layer i: every aspect ratio at s_i, then sqrt(s_i * s_{i+1}) at interpolated_scale_aspect_ratio (if above 0)
//   layer 0, reduced: scale 0.1 at ratio 1, s_0 at 2, s_0 at 0.5
//   height = s / sqrt(ratio) * base_anchor_height, width = s * sqrt(ratio) * base_anchor_width, both times the
//   image's shorter side by its own side; centers (row + 0.5) / rows, (column + 0.5) / columns
#pragma once

#include <odt/anchor_generator.hpp>
#include <odt/core/error.hpp>
#include <odt/core/static_vector.hpp>

#include <algorithm>
#include <cmath>

namespace odt {

/// Anchors of growing scale over feature maps of shrinking size. Default options: the SSD sample configs'.
struct ssd_anchor_generator {
  static constexpr std::string_view name = "ssd_anchor_generator";
  static constexpr std::size_t max_layers = 16;
  static constexpr std::size_t max_ratios = 16;

  struct options {
    int num_layers = 6;
    float min_scale = 0.2f;
    float max_scale = 0.95f;
    static_vector<float, max_layers> scales{};  ///< in place of min_scale and max_scale
    static_vector<float, max_ratios> aspect_ratios{1.0f, 2.0f, 0.5f, 3.0f, 0.3333f};
    float interpolated_scale_aspect_ratio = 1;
    bool reduce_boxes_in_lowest_layer = true;
    float base_anchor_height = 1;
    float base_anchor_width = 1;
    static_vector<int, max_layers> height_stride{}, width_stride{};  ///< pixels; empty: the image by the feature map
    static_vector<int, max_layers> height_offset{}, width_offset{};  ///< pixels; empty: half a stride

    static constexpr void fields(auto& o, auto&& field) {
      field("num_layers", o.num_layers);
      field("min_scale", o.min_scale);
      field("max_scale", o.max_scale);
      field("scales", o.scales);
      field("aspect_ratios", o.aspect_ratios);
      field("interpolated_scale_aspect_ratio", o.interpolated_scale_aspect_ratio);
      field("reduce_boxes_in_lowest_layer", o.reduce_boxes_in_lowest_layer);
      field("base_anchor_height", o.base_anchor_height);
      field("base_anchor_width", o.base_anchor_width);
      field("height_stride", o.height_stride);
      field("width_stride", o.width_stride);
      field("height_offset", o.height_offset);
      field("width_offset", o.width_offset);
    }
  };

  options opts{};

  /// Refuses lists whose lengths do not fit the number of layers.
  static constexpr void check(const options& o) {
    if (o.num_layers < 1 || o.num_layers > static_cast<int>(max_layers))
      fail("num_layers ", o.num_layers, "; 1 to ", max_layers, " are supported");
    const auto layers = static_cast<std::size_t>(o.num_layers);
    if (!o.scales.empty() && o.scales.size() < layers)
      fail(o.scales.size(), " scales for num_layers: ", layers, "; give one a layer, or none");
    for (const float ratio : o.aspect_ratios)
      if (!(ratio > 0)) fail("aspect ratio ", ratio, "; it has to be above 0");
    const auto per_layer = [layers](const auto& height, const auto& width, std::string_view what) {
      if (height.size() != width.size() || (!height.empty() && height.size() != layers))
        fail(height.size(), " height_", what, " and ", width.size(), " width_", what, " for num_layers: ", layers,
             "; give one of both a layer, or none");
    };
    per_layer(o.height_stride, o.width_stride, "stride");
    per_layer(o.height_offset, o.width_offset, "offset");
  }

  constexpr int num_layers() const { return opts.num_layers; }

  constexpr int boxes_per_cell(int layer) const {
    if (reduced(layer)) return 3;
    return static_cast<int>(opts.aspect_ratios.size()) + (opts.interpolated_scale_aspect_ratio > 0 ? 1 : 0);
  }

  std::vector<boxf> generate(std::span<const size2> maps, size2 image_size) const {
    check(opts);
    if (maps.size() != static_cast<std::size_t>(opts.num_layers))
      fail(name, ": ", maps.size(), " feature maps for num_layers: ", opts.num_layers, "; give one a layer");
    std::vector<boxf> anchors;
    anchors.reserve(static_cast<std::size_t>(anchor_count(*this, maps)));
    for (int layer = 0; layer < opts.num_layers; ++layer)
      tile(layer, maps[static_cast<std::size_t>(layer)], image_size, anchors);
    return anchors;
  }

 private:
  struct shape {
    float scale, ratio;
  };
  struct line {
    float offset, stride;
    constexpr float center(int i) const { return static_cast<float>(i) * stride + offset; }
  };

  constexpr bool reduced(int layer) const { return layer == 0 && opts.reduce_boxes_in_lowest_layer; }

  constexpr double scale(int layer) const {
    const auto i = static_cast<std::size_t>(layer);
    if (!opts.scales.empty()) return i < opts.scales.size() ? opts.scales[i] : 1.0;
    if (layer == opts.num_layers) return 1.0;
    const double low = opts.min_scale, high = opts.max_scale;
    return layer == 0 ? low : low + (high - low) * layer / (opts.num_layers - 1);
  }

  static_vector<shape, max_ratios + 1> shapes(int layer) const {
    const auto s = static_cast<float>(scale(layer));
    if (reduced(layer)) return {{0.1f, 1.0f}, {s, 2.0f}, {s, 0.5f}};
    static_vector<shape, max_ratios + 1> result;
    for (const float ratio : opts.aspect_ratios) result.push_back({s, ratio});
    if (opts.interpolated_scale_aspect_ratio > 0)
      result.push_back(
          {static_cast<float>(std::sqrt(scale(layer) * scale(layer + 1))), opts.interpolated_scale_aspect_ratio});
    return result;
  }

  /// Where the cells' centers lie along one side of the image.
  static line centers(int layer, int cells, int side, const auto& strides, const auto& offsets) {
    const auto i = static_cast<std::size_t>(layer);
    const auto length = static_cast<float>(side);
    const float stride = strides.empty() ? 1.0f / static_cast<float>(cells) : static_cast<float>(strides[i]) / length;
    return {offsets.empty() ? 0.5f * stride : static_cast<float>(offsets[i]) / length, stride};
  }

  void tile(int layer, size2 map, size2 image_size, std::vector<boxf>& anchors) const {
    const line rows = centers(layer, map.height, image_size.height, opts.height_stride, opts.height_offset);
    const line columns = centers(layer, map.width, image_size.width, opts.width_stride, opts.width_offset);
    const auto side = static_cast<float>(std::min(image_size.height, image_size.width));
    const float base_height = side / static_cast<float>(image_size.height) * opts.base_anchor_height;
    const float base_width = side / static_cast<float>(image_size.width) * opts.base_anchor_width;
    const auto cell = shapes(layer);
    for (int row = 0; row < map.height; ++row)
      for (int column = 0; column < map.width; ++column)
        for (const shape& s : cell) {
          const float y = rows.center(row), x = columns.center(column), root = std::sqrt(s.ratio);
          const float half_height = 0.5f * (s.scale / root * base_height);
          const float half_width = 0.5f * (s.scale * root * base_width);
          anchors.push_back({y - half_height, x - half_width, y + half_height, x + half_width});
        }
  }
};

static_assert(anchor_count(ssd_anchor_generator{}, {{19, 19}, {10, 10}, {5, 5}, {3, 3}, {2, 2}, {1, 1}}) == 1917);

}  // namespace odt
