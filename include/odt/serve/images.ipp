// SPDX-License-Identifier: MIT
#pragma once

#include <odt/core/target.hpp>
#include <odt/io/example.hpp>
#include <odt/io/image_file.hpp>
#include <odt/serve/images.hpp>
#include <odt/serve/status.hpp>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string_view>

namespace odt::serve {

namespace detail::images {

ODT_INLINE prepared_image resized(const picture& source, const image_resizer& resizer, const pixel_transform& change) {
  prepared_image made;
  made.original_size = source.size();
  made.size = resizer.outer_size(source.size());
  made.pixels.resize(static_cast<std::size_t>(made.size.height) * static_cast<std::size_t>(made.size.width) * 3);
  thread_local resize_scratch scratch;
  made.true_size = resize(resizer, change, source, made.pixels.data(), scratch);
  return made;
}

/// Refuses before anything is allocated.
ODT_INLINE void check_size(std::string_view place, std::int64_t height, std::int64_t width,
                           const image_resizer& resizer, const image_limits& limits) {
  constexpr std::int64_t longest = 65500;  // as JPEG has it
  if (height < 1 || width < 1) refuse(code::invalid_argument, place, ": an image of ", height, " x ", width, " pixels");
  if (height > longest || width > longest || height * width > limits.max_pixels)
    refuse(code::invalid_argument, place, ": ", height, " x ", width, " pixels are too many; at most ",
           limits.max_pixels, " are taken, and ", longest, " a side");
  // An extreme aspect ratio may become larger than it was.
  const size2 becomes = resizer.outer_size({static_cast<int>(height), static_cast<int>(width)});
  if (std::int64_t{becomes.height} * becomes.width > limits.max_pixels)
    refuse(code::invalid_argument, place, ": ", height, " x ", width, " pixels would be resized to ", becomes.height,
           " x ", becomes.width, ", which are too many");
}

/// Start-of-scan markers; within a scan's data no byte 0xff stands before 0xda.
ODT_INLINE int scans_of(std::string_view jpeg) {
  int count = 0;
  for (std::size_t at = 0; (at = jpeg.find("\xff\xda", at)) != jpeg.npos; at += 2) ++count;
  return count;
}

ODT_INLINE prepared_image decoded(std::string_view bytes, const std::string& place, const image_resizer& resizer,
                                  const pixel_transform& change, const image_limits& limits) {
  try {
    const image_info info = read_image_info(bytes, place);
    check_size(place, info.height, info.width, resizer, limits);
    if (info.format == image_format::jpeg && scans_of(bytes) > limits.max_scans)
      refuse(code::invalid_argument, place, ": a JPEG with more than ", limits.max_scans, " scans");
    const image pixels = decode_image(bytes, place, {.max_pixels = limits.max_pixels});
    return resized(picture(pixels), resizer, change);
  } catch (const failure&) {
    throw;
  } catch (const error& wrong) {
    refuse(code::invalid_argument, wrong.what());
  }
}

ODT_INLINE prepared_image from_string(const std::string& bytes, const std::string& place, const image_resizer& resizer,
                                      const pixel_transform& change, const image_limits& limits) {
  if (bytes.empty()) refuse(code::invalid_argument, place, ": is empty; a picture or a tf.Example belongs here");
  if (image_format_of(bytes)) return decoded(bytes, place, resizer, change, limits);
  std::string encoded;
  try {
    encoded = parse_example(bytes, place).encoded;
  } catch (const error&) {
    refuse(code::invalid_argument, place, ": is neither a JPEG, PNG or other picture nor a tf.Example");
  }
  if (encoded.empty()) refuse(code::invalid_argument, place, ": this tf.Example has no picture in image/encoded");
  return decoded(encoded, place, resizer, change, limits);
}

/// Image i of a tensor of pixels.
template <class T>
prepared_image from_pixels(const std::vector<T>& values, std::int64_t i, size2 size, const image_resizer& resizer,
                           const pixel_transform& change) {
  const auto count = static_cast<std::size_t>(size.height) * static_cast<std::size_t>(size.width) * 3;
  basic_image<T> copy;
  copy.height = size.height, copy.width = size.width;
  const auto first = values.begin() + static_cast<std::ptrdiff_t>(static_cast<std::size_t>(i) * count);
  copy.pixels.assign(first, first + static_cast<std::ptrdiff_t>(count));
  if constexpr (std::is_same_v<T, float>)  // what no picture has would only become what no score has
    for (float& value : copy.pixels) value = std::isfinite(value) ? std::clamp(value, -65504.f, 65504.f) : 0;
  return resized(picture(copy), resizer, change);
}

ODT_INLINE void check_count(const std::string& name, std::int64_t count, const image_limits& limits) {
  if (count < 1) refuse(code::invalid_argument, name, ": there is no image in the request");
  if (count > limits.max_images)
    refuse(code::invalid_argument, name, ": ", count, " images are too many for one request; at most ",
           limits.max_images, " are taken");
}

}  // namespace detail::images

ODT_INLINE std::vector<prepared_image> prepare_images(const std::string& name, const tensor& input,
                                                      const image_resizer& resizer, const pixel_transform& pixels,
                                                      const image_limits& limits) {
  namespace d = detail::images;
  const auto& shape = input.shape;
  std::vector<prepared_image> made;
  if (input.strings()) {
    if (shape.size() > 1)
      refuse(code::invalid_argument, name, ": strings of shape ", shape_text(shape), "; [batch] or a scalar is taken");
    const auto& strings = std::get<std::vector<std::string>>(input.values);
    d::check_count(name, static_cast<std::int64_t>(strings.size()), limits);
    for (std::size_t i = 0; i < strings.size(); ++i)
      made.push_back(
          d::from_string(strings[i], strings.size() == 1 ? name : str(name, "[", i, "]"), resizer, pixels, limits));
    return made;
  }
  if (shape.size() != 4 || shape[3] != 3)
    refuse(code::invalid_argument, name, ": has the shape ", shape_text(shape),
           "; images are [batch, height, width, 3]");
  d::check_count(name, shape[0], limits);
  d::check_size(name, shape[1], shape[2], resizer, limits);
  if (shape[0] * shape[1] * shape[2] > 4 * limits.max_pixels)
    refuse(code::invalid_argument, name, ": the images of one request have too many pixels together");
  const size2 size{static_cast<int>(shape[1]), static_cast<int>(shape[2])};
  for (std::int64_t i = 0; i < shape[0]; ++i)
    made.push_back(std::visit(
        [&](const auto& values) -> prepared_image {
          if constexpr (requires { values.front().size(); })
            return {};
          else
            return d::from_pixels(values, i, size, resizer, pixels);
        },
        input.values));
  return made;
}

ODT_INLINE prepared_image blank_image(const image_resizer& resizer) {
  prepared_image made;
  made.original_size = resizer.constant_size().value_or(size2{480, 640});
  made.size = resizer.outer_size(made.original_size);
  made.true_size = resizer.inner_size(made.original_size);
  made.pixels.resize(static_cast<std::size_t>(made.size.height) * static_cast<std::size_t>(made.size.width) * 3);
  return made;
}

}  // namespace odt::serve
