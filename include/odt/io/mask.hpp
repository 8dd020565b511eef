// SPDX-License-Identifier: MIT
// Masks of objects as records hold them: one image of one channel each, 1 where the object is.
#pragma once

#include <odt/core/image.hpp>

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace odt {

/// How a record holds masks (input_reader.mask_type).
enum class mask_type {
  numerical,  ///< one number a pixel, mask after mask
  png,        ///< a PNG file each
};

/// "NUMERICAL_MASKS" or "PNG_MASKS".
std::string_view config_name(mask_type type);

/// The mask number `i` of masks of one size that lie one after the other; numbers above 0 are 1.
image mask_of_numbers(std::span<const float> values, std::size_t i, size2 size);

/// The mask of a PNG file: 1 where any of its colours is above 0. Another format is an error. `place` starts messages.
image mask_of_png(std::string_view bytes, std::string_view place);

}  // namespace odt

#if defined(ODT_HEADER_ONLY)
#include <odt/io/mask.ipp>
#endif
