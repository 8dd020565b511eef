// SPDX-License-Identifier: MIT
// What a feature extractor does to pixels before its first layer.
#pragma once

#include <odt/core/target.hpp>

#include <array>
#include <cstddef>

namespace odt {

/// Per-channel x * scale + shift on pixels in 0..255. SSD applies it before the resizer, so that padding is 0 behind
/// it.
struct pixel_transform {
  std::array<float, 3> scale{1, 1, 1};
  std::array<float, 3> shift{0, 0, 0};

  /// 0..255 to -1..1: MobileNet, Inception, Inception ResNet, NAS.
  static constexpr pixel_transform minus_one_to_one() {
    constexpr auto scale = static_cast<float>(2.0 / 255.0);
    return {{scale, scale, scale}, {-1, -1, -1}};
  }

  /// Subtracts ImageNet's mean colour (RGB), as ResNet's and VGG's extractors do.
  static constexpr pixel_transform subtract_mean() { return {{1, 1, 1}, {-123.68f, -116.779f, -103.939f}}; }

  /// The value the network gets for channel `c` of a pixel.
  ODT_HD constexpr float operator()(float value, int c) const {
    const auto i = static_cast<std::size_t>(c);
    return value * scale[i] + shift[i];
  }

  friend constexpr bool operator==(const pixel_transform&, const pixel_transform&) = default;
};

}  // namespace odt
