// SPDX-License-Identifier: MIT
// Rows of an image that are made while they are read.
#pragma once

#include <cstdint>

namespace odt {

/// RGB bytes, from top to bottom.
class pixel_rows {
 public:
  virtual ~pixel_rows() = default;

  /// Pixels `left` to `left` + `width` of row y, valid until the next call. Fast from top to bottom, always at the same
  /// `left` and `width`; anything else starts over.
  virtual const std::uint8_t* row(int y, int left, int width) = 0;
};

}  // namespace odt
