// SPDX-License-Identifier: MIT
// Ink on a picture, with soft edges.
#pragma once

#include <odt/core/image.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace odt {

/// Red, green, blue, 0 to 255.
struct color {
  std::uint8_t red = 0, green = 0, blue = 0;

  friend constexpr bool operator==(const color&, const color&) = default;
};

/// How much of each pixel a text covers.
class coverage {
 public:
  coverage(int height, int width)
      : height_(height), width_(width), values_(static_cast<std::size_t>(height) * static_cast<std::size_t>(width)) {}

  int height() const { return height_; }
  int width() const { return width_; }

  /// Covers at least that part (0 to 1) of a pixel, if it is there.
  void raise(int y, int x, float part) {
    if (y < 0 || x < 0 || y >= height_ || x >= width_) return;
    float& value =
        values_[static_cast<std::size_t>(y) * static_cast<std::size_t>(width_) + static_cast<std::size_t>(x)];
    value = std::max(value, part);
  }

  void blend(image& picture, int y0, int x0, color ink) const {
    const std::uint8_t inks[] = {ink.red, ink.green, ink.blue};
    for (int y = std::max(0, -y0); y < std::min(height_, picture.height - y0); ++y)
      for (int x = std::max(0, -x0); x < std::min(width_, picture.width - x0); ++x) {
        const float part =
            values_[static_cast<std::size_t>(y) * static_cast<std::size_t>(width_) + static_cast<std::size_t>(x)];
        std::uint8_t* pixel = picture.at(y + y0, x + x0);
        for (int c = 0; c < 3; ++c)
          pixel[c] = static_cast<std::uint8_t>(
              std::lround(static_cast<float>(pixel[c]) * (1 - part) + static_cast<float>(inks[c]) * part));
      }
  }

 private:
  int height_, width_;
  std::vector<float> values_;
};

}  // namespace odt
