// SPDX-License-Identifier: MIT
// Which taps of a strided window a pixel of its input meets: what the data gradient of a convolution sums over.
#pragma once

#include <numeric>

namespace odt {

/// Along one axis, the pixels at one place modulo the stride and the taps that meet them: those whose position in the
/// output, (pixel + pad - tap * rate) / stride, is a whole number.
struct met_taps {
  int pixels = 0;            ///< at that place
  int first = 0, count = 0;  ///< taps, ascending
  int step = 1;              ///< from a tap to the next
  int source = 0;            ///< output position of the first pixel under the first tap; pixels ascend by one
  int source_step = 1;       ///< by which a tap lies before the one it follows, in the output

  /// For pixels `place`, place + stride, ... of `size`.
  constexpr met_taps(int place, int size, int kernel, int stride, int rate, int pad)
      : pixels(size > place ? (size - place + stride - 1) / stride : 0),
        step(stride / std::gcd(stride, rate)),
        source_step(rate / std::gcd(stride, rate)) {
    while (first < kernel && (place + pad - first * rate) % stride != 0) ++first;
    count = (kernel - first + step - 1) / step;
    if (count > 0) source = (place + pad - first * rate) / stride;
  }
  constexpr int last() const { return first + (count - 1) * step; }
  /// Output position of the first pixel under the last tap.
  constexpr int last_source() const { return source - (count - 1) * source_step; }
};

}  // namespace odt
