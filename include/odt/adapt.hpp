// SPDX-License-Identifier: MIT
// xtensor's arrays at the edge of odt: views of what lies in memory, copies of what does not. Nothing else in odt
// includes this header or needs xtensor.
#pragma once

#include <odt/core/batch.hpp>
#include <odt/core/error.hpp>

#include <algorithm>
#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <type_traits>
#include <vector>

#if __has_include(<xtensor/containers/xtensor.hpp>)  // from 0.26 on
#include <xtensor/containers/xadapt.hpp>
#include <xtensor/containers/xtensor.hpp>
#else
#include <xtensor/xadapt.hpp>
#include <xtensor/xtensor.hpp>
#endif

namespace odt {

/// An array of N axes. Its allocator is fixed: the one that xtensor takes by itself, and thereby the type, depends on
/// xsimd and on the compiler's flags, so that two units of one program could mean different types by one name.
template <class T, std::size_t N>
using xtensor = xt::xtensor<T, N, xt::layout_type::row_major, std::allocator<T>>;

namespace detail {

template <class T, class... Extents>
auto adapt_view(T* first, Extents... extents) {
  const std::array<std::size_t, sizeof...(Extents)> shape{static_cast<std::size_t>(extents)...};
  std::size_t size = 1;
  for (const std::size_t extent : shape) size *= extent;
  return xt::adapt<xt::layout_type::row_major>(first, size, xt::no_ownership(), shape);
}

/// The shape of an array, which has to have one of the allowed numbers of axes.
template <class Array>
std::vector<int> adapt_shape(const Array& values, std::size_t fewest, std::size_t most, const char* wanted) {
  std::vector<int> shape;
  for (const auto extent : values.shape()) shape.push_back(static_cast<int>(extent));
  if (shape.size() < fewest || shape.size() > most)
    fail("array: it has ", shape.size(), " axes; it has to be ", wanted);
  return shape;
}

template <class T, class Array>
void adapt_copy(const Array& values, T* to) {
  static_assert(std::same_as<std::remove_cvref_t<decltype(*values.template begin<xt::layout_type::row_major>())>, T>,
                "the array's numbers are of another type; xt::cast them");
  std::copy(values.template begin<xt::layout_type::row_major>(), values.template end<xt::layout_type::row_major>(), to);
}

}  // namespace detail

/// The pixels as [height, width, channels]; valid as long as the image, whose pixels it is.
template <class T>
auto view(basic_image<T>& picture) {
  return detail::adapt_view(picture.pixels.data(), picture.height, picture.width, picture.channels);
}
template <class T>
auto view(const basic_image<T>& picture) {
  return detail::adapt_view(picture.pixels.data(), picture.height, picture.width, picture.channels);
}
template <class T>
void view(basic_image<T>&&) = delete;

/// The network's input as [images, height, width, 3]; valid as long as the batch.
inline auto view_images(batch& b) { return detail::adapt_view(b.images.data(), b.size, b.height, b.width, 3); }
inline auto view_images(const batch& b) { return detail::adapt_view(b.images.data(), b.size, b.height, b.width, 3); }
void view_images(batch&&) = delete;

/// An image of the values of [height, width, channels], or of one channel from [height, width]; T is uint8_t or float.
template <class T, class Array>
basic_image<T> to_basic_image(const Array& values) {
  const std::vector<int> shape = detail::adapt_shape(values, 2, 3, "[height, width] or [height, width, channels]");
  basic_image<T> picture(shape[0], shape[1], shape.size() == 3 ? shape[2] : 1);
  detail::adapt_copy(values, picture.pixels.data());
  return picture;
}

/// An image of bytes, as files hold and `detect` takes it.
template <class Array>
image to_image(const Array& values) {
  return to_basic_image<std::uint8_t>(values);
}

/// A batch to detect in, of floats [images, height, width, 3] preprocessed as the feature extractor wants them
/// (detector::pixels()), with room for so many boxes an image.
template <class Array>
batch to_batch(const Array& values, int max_boxes = 0) {
  const std::vector<int> shape = detail::adapt_shape(values, 4, 4, "[images, height, width, 3]");
  if (shape[3] != 3) fail("array: its last axis has ", shape[3], " channels; it has to have 3");
  batch b = batch::zeros(shape[0], shape[1], shape[2], max_boxes);
  detail::adapt_copy(values, b.images.data());
  return b;
}

/// Boxes as [boxes, 4]: ymin, xmin, ymax, xmax.
inline xtensor<float, 2> to_xtensor(std::span<const boxf> boxes) {
  xtensor<float, 2> rows(std::array<std::size_t, 2>{boxes.size(), 4});
  float* out = rows.data();
  for (const boxf& b : boxes)
    for (const float side : {b.ymin, b.xmin, b.ymax, b.xmax}) *out++ = side;
  return rows;
}

/// Detections as [detections, 6]: ymin, xmin, ymax, xmax, label (0-based), score.
inline xtensor<float, 2> to_xtensor(const detections& found) {
  xtensor<float, 2> rows(std::array<std::size_t, 2>{found.size(), 6});
  float* out = rows.data();
  for (const detection& d : found) {
    const boxf& b = d.bounds;
    for (const float value : {b.ymin, b.xmin, b.ymax, b.xmax, static_cast<float>(d.label), d.score}) *out++ = value;
  }
  return rows;
}

/// Boxes of [boxes, 4]: ymin, xmin, ymax, xmax.
template <class Array>
std::vector<boxf> to_boxes(const Array& rows) {
  const std::vector<int> shape = detail::adapt_shape(rows, 2, 2, "[boxes, 4]");
  if (shape[1] != 4) fail("array: its rows have ", shape[1], " numbers; a box has 4: ymin, xmin, ymax, xmax");
  std::vector<float> flat(static_cast<std::size_t>(shape[0]) * 4);
  detail::adapt_copy(rows, flat.data());
  std::vector<boxf> boxes;
  for (std::size_t i = 0; i < flat.size(); i += 4) boxes.push_back({flat[i], flat[i + 1], flat[i + 2], flat[i + 3]});
  return boxes;
}

}  // namespace odt
