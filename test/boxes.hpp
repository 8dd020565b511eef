// SPDX-License-Identifier: MIT
// Boxes from and to the tensors of golden cases.
#pragma once

#include <odt/core/box.hpp>

#include <golden.hpp>

namespace odt::test {

inline boxf box_at(const array& boxes, std::size_t i) {
  const auto value = [&](std::size_t k) { return static_cast<float>(boxes[4 * i + k]); };
  return {value(0), value(1), value(2), value(3)};
}

inline std::vector<boxf> to_boxes(const array& boxes) {
  std::vector<boxf> result;
  for (std::size_t i = 0; i < boxes.size() / 4; ++i) result.push_back(box_at(boxes, i));
  return result;
}

inline std::vector<float> to_floats(std::span<const boxf> boxes) {
  std::vector<float> result;
  for (const boxf& b : boxes) result.insert(result.end(), {b.ymin, b.xmin, b.ymax, b.xmax});
  return result;
}

}  // namespace odt::test
