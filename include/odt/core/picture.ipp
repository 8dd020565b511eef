// SPDX-License-Identifier: MIT
#pragma once

#include <odt/core/error.hpp>
#include <odt/core/mean_color.hpp>
#include <odt/core/picture.hpp>
#include <odt/core/target.hpp>

#include <algorithm>

namespace odt {

namespace detail::pixels {

template <class T>
void copy_row(const T* p, std::ptrdiff_t column, int width, int channels, float* out) {
  if (channels == 1) {
    for (int x = 0; x < width; ++x, p += column) out[3 * x] = out[3 * x + 1] = out[3 * x + 2] = static_cast<float>(*p);
  } else if (column == 3) {
    for (int i = 0; i < 3 * width; ++i) out[i] = static_cast<float>(p[i]);
  } else {
    for (int x = 0; x < width; ++x, p += column)
      for (int c = 0; c < 3; ++c) out[3 * x + c] = static_cast<float>(p[c]);
  }
}

/// 16 pixels at a time, so that the three channels are one loop.
template <class T>
void transform_values(const T* __restrict p, int count, const pixel_transform& change, float* __restrict out) {
  constexpr int block = 48;
  float scale[block], shift[block];
  for (int i = 0; i < block; ++i)
    scale[i] = change.scale[static_cast<std::size_t>(i % 3)], shift[i] = change.shift[static_cast<std::size_t>(i % 3)];
  int done = 0;
  for (; done + block <= count; done += block)
    for (int i = 0; i < block; ++i) out[done + i] = static_cast<float>(p[done + i]) * scale[i] + shift[i];
  for (; done < count; ++done) out[done] = change(static_cast<float>(p[done]), done % 3);
}

template <class T>
void transform_row(const T* p, int width, int channels, const pixel_transform& change, float* out) {
  if (channels == 3) return transform_values(p, 3 * width, change, out);
  copy_row(p, channels, width, channels, out);
  for (int i = 0; i < 3 * width; ++i) out[i] = change(out[i], i % 3);
}

}  // namespace detail::pixels

ODT_INLINE picture::picture(const float_image& pixels) : size_(pixels.size()), row_(std::ptrdiff_t{3} * pixels.width) {
  own_.resize(static_cast<std::size_t>(size_.height) * static_cast<std::size_t>(size_.width) * 3);
  floats_ = own_.data();
  for (int y = 0; y < size_.height; ++y)
    detail::pixels::copy_row(pixels.at(y, 0), pixels.channels, size_.width, pixels.channels, floats_ + y * row_);
}

ODT_INLINE void picture::open(const image& decoded) {
  rows_ = nullptr;
  bytes_ = decoded.pixels.data();
  floats_ = nullptr;
  size_ = decoded.size();
  channels_ = decoded.channels;
  column_ = decoded.channels;
  row_ = static_cast<std::ptrdiff_t>(decoded.width) * decoded.channels;
}

ODT_INLINE void picture::open(pixel_rows& rows, size2 size) {
  rows_ = &rows;
  top_ = left_ = 0;
  bytes_ = nullptr, floats_ = nullptr;
  size_ = size;
  channels_ = 3, column_ = 3, row_ = 0;
}

ODT_INLINE void picture::settle() {
  if (!rows_) return;
  const auto stride = static_cast<std::size_t>(size_.width) * 3;
  settled_.resize(stride * static_cast<std::size_t>(size_.height));
  for (int y = 0; y < size_.height; ++y)
    std::copy_n(stored_bytes(y), stride, settled_.data() + static_cast<std::size_t>(y) * stride);
  bytes_ = settled_.data() + (mirrored() ? stride - 3 : 0);
  row_ = static_cast<std::ptrdiff_t>(stride);
  rows_ = nullptr;
}

ODT_INLINE void picture::crop(int top, int left, size2 size) {
  if (top < 0 || left < 0 || size.height <= 0 || size.width <= 0 || top + size.height > size_.height ||
      left + size.width > size_.width)
    fail("cannot crop ", size.height, "x", size.width, " at (", top, ", ", left, ") from an image of ", size_.height,
         "x", size_.width);
  const std::ptrdiff_t offset = top * row_ + left * column_;
  if (bytes_) bytes_ += offset;
  if (floats_) floats_ += offset;
  if (rows_) top_ += top, left_ += mirrored() ? -left : left;
  size_ = size;
}

ODT_INLINE void picture::flip_horizontally() {
  const std::ptrdiff_t offset = (size_.width - 1) * column_;
  if (rows_) left_ += mirrored() ? 1 - size_.width : size_.width - 1;
  if (bytes_) bytes_ += offset;
  if (floats_) floats_ += offset;
  column_ = -column_;
}

ODT_INLINE void picture::flip_vertically() {
  settle();
  const std::ptrdiff_t offset = (size_.height - 1) * row_;
  if (bytes_) bytes_ += offset;
  if (floats_) floats_ += offset;
  row_ = -row_;
}

ODT_INLINE void picture::read_row(int y, float* out) const {
  if (bytes_)
    detail::pixels::copy_row(bytes_ + y * row_, column_, size_.width, channels_, out);
  else
    detail::pixels::copy_row(floats_ + y * row_, column_, size_.width, 3, out);
}

ODT_INLINE const std::uint8_t* picture::stored_bytes(int y) const {
  if (rows_) return rows_->row(top_ + y, leftmost(), size_.width);
  return bytes_ && channels_ == 3 ? bytes_ + start_of(y) : nullptr;
}

ODT_INLINE void picture::read_stored_row(int y, const pixel_transform& change, float* out) const {
  if (rows_)
    detail::pixels::transform_row(stored_bytes(y), size_.width, 3, change, out);
  else if (bytes_)
    detail::pixels::transform_row(bytes_ + start_of(y), size_.width, channels_, change, out);
  else
    detail::pixels::transform_row(floats_ + start_of(y), size_.width, 3, change, out);
}

ODT_INLINE void picture::adopt_spare(size2 size) {
  own_.swap(spare_);
  bytes_ = nullptr;
  floats_ = own_.data();
  size_ = size;
  channels_ = 3;
  column_ = 3;
  row_ = std::ptrdiff_t{3} * size.width;
}

ODT_INLINE void picture::make_floats() {
  settle();
  if (floats_ && column_ == 3) return;
  const auto stride = static_cast<std::size_t>(size_.width) * 3;
  spare_.resize(stride * static_cast<std::size_t>(size_.height));
  for (int y = 0; y < size_.height; ++y) read_row(y, spare_.data() + static_cast<std::size_t>(y) * stride);
  adopt_spare(size_);
}

ODT_INLINE void picture::pad(int top, int left, size2 canvas, rgb color) {
  if (top < 0 || left < 0 || top + size_.height > canvas.height || left + size_.width > canvas.width)
    fail("an image of ", size_.height, "x", size_.width, " at (", top, ", ", left, ") does not fit on ", canvas.height,
         "x", canvas.width);
  settle();
  const auto stride = static_cast<std::size_t>(canvas.width) * 3;
  spare_.resize(stride * static_cast<std::size_t>(canvas.height));
  const auto fill = [color](float* from, float* to) {
    for (; from != to; from += 3) from[0] = color.r, from[1] = color.g, from[2] = color.b;
  };
  for (int y = 0; y < canvas.height; ++y) {
    float* row = spare_.data() + static_cast<std::size_t>(y) * stride;
    if (y < top || y >= top + size_.height) {
      fill(row, row + stride);
    } else {
      fill(row, row + std::ptrdiff_t{3} * left);
      read_row(y - top, row + std::ptrdiff_t{3} * left);
      fill(row + std::ptrdiff_t{3} * (left + size_.width), row + stride);
    }
  }
  adopt_spare(canvas);
}

ODT_INLINE rgb picture::mean() {
  settle();
  std::vector<float> row(static_cast<std::size_t>(size_.width) * 3);
  mean_color sums;
  for (int y = 0; y < size_.height; ++y) {
    read_row(y, row.data());
    sums.add(sum_of_row(size_.width, [p = row.data()](int x) { return rgb{p[3 * x], p[3 * x + 1], p[3 * x + 2]}; }));
  }
  return sums.of(size_);
}

}  // namespace odt
