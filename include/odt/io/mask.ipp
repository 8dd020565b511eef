// SPDX-License-Identifier: MIT
#pragma once

#include <odt/core/error.hpp>
#include <odt/core/target.hpp>
#include <odt/io/image_file.hpp>
#include <odt/io/mask.hpp>

#include <algorithm>

namespace odt {

ODT_INLINE std::string_view config_name(mask_type type) {
  return type == mask_type::png ? "PNG_MASKS" : "NUMERICAL_MASKS";
}

ODT_INLINE image mask_of_numbers(std::span<const float> values, std::size_t i, size2 size) {
  image mask(size.height, size.width, 1);
  const auto own = values.subspan(i * mask.pixels.size(), mask.pixels.size());
  std::ranges::transform(own, mask.pixels.begin(), [](float v) { return static_cast<std::uint8_t>(v > 0); });
  return mask;
}

ODT_INLINE image mask_of_png(std::string_view bytes, std::string_view place) {
  if (image_format_of(bytes) != image_format::png)
    fail(place, " is no PNG file of ", bytes.size(), " bytes; mask_type: PNG_MASKS wants one an object");
  const image decoded = decode_image(bytes, place);
  image mask(decoded.height, decoded.width, 1);
  for (std::size_t i = 0; i < mask.pixels.size(); ++i) {
    const auto* const color = decoded.pixels.data() + 3 * i;
    mask.pixels[i] = std::any_of(color, color + 3, [](std::uint8_t v) { return v > 0; });
  }
  return mask;
}

}  // namespace odt
