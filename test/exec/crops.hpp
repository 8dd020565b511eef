// SPDX-License-Identifier: MIT
// What the tests of crops share: boxes of every kind, and a sample by its definition.
#pragma once

#include <odt/core/box.hpp>

#include <cmath>
#include <cstddef>
#include <vector>

namespace odt::test {

/// Boxes for that many crops: inside, swapped, reaching outside, empty, all of the map, beside it, tiny.
inline std::vector<boxf> crop_boxes(int count) {
  static constexpr boxf kinds[] = {{0.16f, 0.49f, 0.69f, 0.7f},
                                   {0.7f, 0.6f, 0.2f, 0.1f},
                                   {-0.2f, 0.1f, 0.5f, 1.3f},
                                   {0.3f, 0.2f, 0.3f, 0.8f},
                                   {0, 0, 1, 1},
                                   {1.2f, 0.1f, 1.5f, 0.9f},
                                   {0.4f, 0.4f, 0.41f, 0.42f},
                                   {0.05f, 0.1f, 0.93f, 0.9f},
                                   {0.6f, 0.7f, 1.02f, 0.98f}};
  std::vector<boxf> boxes;
  for (int k = 0; k < count; ++k) boxes.push_back(kinds[static_cast<std::size_t>(k) % std::size(kinds)]);
  return boxes;
}

/// TensorFlow's position of a sample along one axis, each step rounded to float.
inline float crop_position(float begin, float end, int pixels, int samples, int i) {
  const float last = static_cast<float>(pixels) - 1;
  if (samples == 1) return 0.5f * (begin + end) * last;
  const float scale = (end - begin) * last / static_cast<float>(samples - 1);
  const float offset = static_cast<float>(i) * scale;
  return begin * last + offset;
}

/// The bilinear value at a place in pixels; value(row, column) is the map's. 0 outside.
template <class Value>
double crop_sample(float y, float x, int height, int width, const Value& value) {
  if (!(y >= 0 && y <= static_cast<float>(height - 1) && x >= 0 && x <= static_cast<float>(width - 1))) return 0;
  const int top = static_cast<int>(std::floor(y)), bottom = static_cast<int>(std::ceil(y));
  const int left = static_cast<int>(std::floor(x)), right = static_cast<int>(std::ceil(x));
  const double down = static_cast<double>(y) - top, along = static_cast<double>(x) - left;
  return (1 - down) * ((1 - along) * value(top, left) + along * value(top, right)) +
         down * ((1 - along) * value(bottom, left) + along * value(bottom, right));
}

}  // namespace odt::test
