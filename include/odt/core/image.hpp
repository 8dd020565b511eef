// SPDX-License-Identifier: MIT
// Images in memory: rows of interleaved channels, top left first.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace odt {

/// Height and width, in pixels or cells.
struct size2 {
  int height = 0;
  int width = 0;

  friend constexpr bool operator==(const size2&, const size2&) = default;
};

/// A rectangle of pixels.
struct pixel_window {
  int top = 0, left = 0;
  size2 size;

  friend constexpr bool operator==(const pixel_window&, const pixel_window&) = default;
};

/// Height x width x channels values, RGB when there are three channels.
template <class T>
struct basic_image {
  int height = 0;
  int width = 0;
  int channels = 3;
  std::vector<T> pixels;

  basic_image() = default;
  basic_image(int h, int w, int c = 3)
      : height(h), width(w), channels(c), pixels(static_cast<std::size_t>(h) * w * c) {}

  size2 size() const { return {height, width}; }
  T* at(int y, int x) { return pixels.data() + (static_cast<std::size_t>(y) * width + x) * channels; }
  const T* at(int y, int x) const { return pixels.data() + (static_cast<std::size_t>(y) * width + x) * channels; }

  friend bool operator==(const basic_image&, const basic_image&) = default;
};

using image = basic_image<std::uint8_t>;
using float_image = basic_image<float>;

}  // namespace odt
