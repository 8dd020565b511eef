// SPDX-License-Identifier: MIT
// Something to learn for the detectors of docs/.
#pragma once

#include <odt/core/batch.hpp>

#include <cstddef>

/// Two gray pictures with a white square each, where the only object is.
inline odt::batch two_squares() {
  odt::batch b = odt::batch::zeros(2, 96, 96, 1);
  for (int i = 0; i < 2; ++i) {
    const int from = 16 + 32 * i, to = from + 40;
    for (int y = from; y < to; ++y)
      for (int x = from; x < to; ++x)
        for (int c = 0; c < 3; ++c) b.images[static_cast<std::size_t>(((i * 96 + y) * 96 + x) * 3 + c)] = 1;
    const auto slot = static_cast<std::size_t>(i);
    const auto low = static_cast<float>(from) / 96, high = static_cast<float>(to) / 96;
    b.counts[slot] = 1, b.boxes[slot] = {low, low, high, high}, b.weights[slot] = 1;
  }
  return b;
}
