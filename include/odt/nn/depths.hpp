// SPDX-License-Identifier: MIT
// How the API scales the number of channels of a layer.
#pragma once

#include <odt/core/error.hpp>

namespace odt {

/// max(int(depth * multiplier), min_depth), computed in double from the float32 multiplier. A layer without channels is
/// refused.
constexpr int scaled_depth(double depth, float multiplier, int min_depth) {
  const int scaled = static_cast<int>(depth * static_cast<double>(multiplier));
  const int result = scaled > min_depth ? scaled : min_depth;
  if (result < 1)
    fail("depth_multiplier ", multiplier, " and min_depth ", min_depth, " leave a layer of ", depth,
         " channels none; one of them has to be larger");
  return result;
}

/// The multiple of `divisor` that lies nearest, not below `least` and not more than a tenth below `depth`: MobileNet
/// v2's channels.
constexpr int divisible_depth(double depth, int divisor, int least) {
  const int nearest = static_cast<int>(depth + divisor / 2.0) / divisor * divisor;
  const int result = nearest > least ? nearest : least;
  return result < 0.9 * depth ? result + divisor : result;
}

}  // namespace odt
