// SPDX-License-Identifier: MIT
// A raw image of a batch as plain values, and how each pixel of the network's input follows from it: what a kernel does
// to bytes, with the bits of `follow` and `resize` on the CPU.
#pragma once

#include <odt/core/batch.hpp>
#include <odt/core/error.hpp>
#include <odt/core/mean_color.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace odt {

/// One step of a recipe.
struct pixel_step {
  pixel_op op;
  size2 before;  ///< the picture's size before it
};

struct picture_job {
  static constexpr int most_steps = 24;

  std::int64_t first = 0;     ///< the byte of a buffer where the pixels begin
  bool finished = false;      ///< they are those of the image, floats
  size2 size;                 ///< of the picture
  resize_axis rows, columns;  ///< of the picture behind the steps, to the image before padding
  pixel_transform transform;
  std::array<float, 3> pad_value{};
  int count = 0;                               ///< of steps
  std::array<pixel_step, most_steps> steps{};  ///< those that need a mean want it in op.color, once it is known
};

/// Bytes that a raw image takes at most: those of the image, `outer` x 3 floats, in whole 16s.
constexpr std::int64_t raw_capacity(size2 outer) {
  return (std::int64_t{outer.height} * outer.width * 3 * std::int64_t{sizeof(float)} + 15) / 16 * 16;
}

/// Whether a picture may travel as bytes, to become an image of the size `outer`; else it has to be finished before.
constexpr bool travels(size2 picture, std::size_t steps, size2 outer) {
  return std::int64_t{picture.height} * picture.width * 3 <= raw_capacity(outer) &&
         steps <= std::size_t{picture_job::most_steps};
}

/// The bytes of a raw image: its picture, or the floats of the finished one.
inline std::span<const std::byte> bytes_of(const raw_image& raw) {
  return raw.finished.empty() ? std::as_bytes(std::span(raw.picture.pixels)) : std::as_bytes(std::span(raw.finished));
}

namespace detail::jobs {

constexpr bool lies_in(const pixel_window& w, size2 size) {
  return w.top >= 0 && w.left >= 0 && w.size.height >= 1 && w.size.width >= 1 && w.top <= size.height - w.size.height &&
         w.left <= size.width - w.size.width;
}

/// The size behind a step, or {0, 0} where its window does not fit.
constexpr size2 size_behind(const pixel_op& op, size2 before) {
  if (op.what == pixel_op::kind::crop) return lies_in(op.window, before) ? op.window.size : size2{};
  if (op.what != pixel_op::kind::pad) return before;
  return lies_in({op.window.top, op.window.left, before}, op.canvas) ? op.canvas : size2{};
}

inline void check_finished(const raw_image& raw, int i, size2 outer) {
  if (raw.finished.size() != static_cast<std::size_t>(outer.height) * static_cast<std::size_t>(outer.width) * 3)
    fail("image ", i, " of the batch is finished with ", raw.finished.size(), " values; it has to have ", outer.height,
         " x ", outer.width, " x 3");
}

inline void check_picture(const raw_image& raw, int i, size2 outer, size2 inner) {
  const image& p = raw.picture;
  if (p.height < 1 || p.width < 1 || p.channels != 3 ||
      p.pixels.size() != static_cast<std::size_t>(p.height) * static_cast<std::size_t>(p.width) * 3)
    fail("image ", i, " of the batch is a picture of ", p.height, " x ", p.width, " x ", p.channels, " in ",
         p.pixels.size(), " bytes; it has to have pixels of 3 channels");
  if (!travels(p.size(), raw.steps.size(), outer))
    fail("image ", i, " of the batch is a picture of ", p.height, " x ", p.width, " with ", raw.steps.size(),
         " steps; raw ones have at most ", raw_capacity(outer), " bytes and ", picture_job::most_steps,
         " steps, others have to be finished");
  if (!lies_in({0, 0, inner}, outer))
    fail("image ", i, " of the batch has the true size ", inner.height, " x ", inner.width, "; it has to fit into ",
         outer.height, " x ", outer.width);
}

}  // namespace detail::jobs

/// The job of image i of a batch of raw images, whose bytes begin at `first` of a buffer. Throws where the image is not
/// what it has to be.
inline picture_job job_of(const batch& b, int i, std::int64_t first) {
  const auto n = static_cast<std::size_t>(i);
  if (n >= b.raws.size() || n >= b.true_sizes.size()) fail("the batch has ", b.raws.size(), " raw images of ", b.size);
  const raw_image& raw = b.raws[n];
  picture_job job;
  job.first = first, job.finished = !raw.finished.empty();
  if (job.finished) return detail::jobs::check_finished(raw, i, {b.height, b.width}), job;
  detail::jobs::check_picture(raw, i, {b.height, b.width}, b.true_sizes[n]);
  size2 drawn = job.size = raw.picture.size();
  for (const pixel_op& op : raw.steps) {
    job.steps[static_cast<std::size_t>(job.count++)] = {op, drawn};
    drawn = detail::jobs::size_behind(op, drawn);
    if (drawn == size2{}) fail("image ", i, " of the batch: step ", job.count, " has a window that does not fit");
  }
  job.rows = {b.form.method, drawn.height, b.true_sizes[n].height};
  job.columns = {b.form.method, drawn.width, b.true_sizes[n].width};
  job.transform = b.form.transform, job.pad_value = b.form.pad_value;
  return job;
}

/// Throws where a raw image of the batch is not what it has to be.
inline void check_raws(const batch& b) {
  for (int i = 0; i < b.size; ++i) job_of(b, i, 0);
}

namespace detail::jobs {

/// Where the pixel (y, x) behind a step was before it; false: outside, in the padding.
ODT_HD constexpr bool go_back(const pixel_step& s, int& y, int& x) {
  using enum pixel_op::kind;
  switch (s.op.what) {
    case crop:
      y += s.op.window.top, x += s.op.window.left;
      return true;
    case pad:
      y -= s.op.window.top, x -= s.op.window.left;
      return y >= 0 && x >= 0 && y < s.before.height && x < s.before.width;
    case flip_horizontally:
      x = s.before.width - 1 - x;
      return true;
    case flip_vertically:
      y = s.before.height - 1 - y;
      return true;
    default:
      return true;
  }
}

/// What the taps before the k-th one made of a pixel, together with that one.
ODT_HD constexpr rgb joined(resize_method method, const rgb& sum, const rgb& p, float weight, int k) {
  if (method != resize_method::bilinear) return {sum.r + p.r * weight, sum.g + p.g * weight, sum.b + p.b * weight};
  return k == 0 ? p : rgb{blend(sum.r, p.r, weight), blend(sum.g, p.g, weight), blend(sum.b, p.b, weight)};
}

/// Pixel (y, x) of the resized picture; pixel(row, column) is the picture's. A row by itself first, as `resize` does.
template <class Pixel>
ODT_HD rgb resized_pixel(const resize_axis& rows, const resize_axis& columns, int y, int x, const Pixel& pixel) {
  rgb result{0, 0, 0};
  for (int i = 0; i < tap_count(rows); ++i) {
    const resize_tap row = tap_of(rows, y, i);
    if (row.weight == 0 && rows.method != resize_method::bilinear) continue;
    rgb along{0, 0, 0};
    for (int k = 0; k < tap_count(columns); ++k) {
      const resize_tap column = tap_of(columns, x, k);
      along = joined(columns.method, along, pixel(row.index, column.index), column.weight, k);
    }
    result = joined(rows.method, result, along, row.weight, i);
  }
  return result;
}

}  // namespace detail::jobs

/// Pixel (y, x) of the picture behind its first `count` steps. The buffer's bytes; means are known as far as needed.
ODT_HD constexpr rgb pixel_behind(const picture_job& job, const std::uint8_t* bytes, int count, int y, int x) {
  rgb p{};
  int next = count;  // the first step whose colours change the pixel
  bool inside = true;
  while (next > 0 && inside) {
    const pixel_step& step = job.steps[static_cast<std::size_t>(next - 1)];
    inside = detail::jobs::go_back(step, y, x);
    if (inside)
      --next;
    else
      p = step.op.color;
  }
  if (inside) {
    const std::uint8_t* const at = bytes + job.first + 3 * (std::int64_t{y} * job.size.width + x);
    p = {static_cast<float>(at[0]), static_cast<float>(at[1]), static_cast<float>(at[2])};
  }
  for (; next < count; ++next)
    with_color_change(job.steps[static_cast<std::size_t>(next)].op, [&p](auto change) { p = change(p); });
  return p;
}

/// The sum of row y of the picture that step `number` finds; the rows' mean (mean_color) belongs into its op.color.
ODT_HD constexpr rgb row_before(const picture_job& job, const std::uint8_t* bytes, int number, int y) {
  return sum_of_row(job.steps[static_cast<std::size_t>(number)].before.width,
                    [&](int x) { return pixel_behind(job, bytes, number, y, x); });
}

/// Pixel (y, x) of the image, `width` wide with its padding; means are known.
ODT_HD inline rgb image_pixel(const picture_job& job, const std::uint8_t* bytes, int width, int y, int x) {
  if (job.finished) {
    const float* const p = reinterpret_cast<const float*>(bytes + job.first) + 3 * (std::int64_t{y} * width + x);
    return {p[0], p[1], p[2]};
  }
  if (y >= job.rows.out || x >= job.columns.out) return {job.pad_value[0], job.pad_value[1], job.pad_value[2]};
  return detail::jobs::resized_pixel(job.rows, job.columns, y, x, [&](int row, int column) {
    const rgb p = pixel_behind(job, bytes, job.count, row, column);
    return rgb{job.transform(p.r, 0), job.transform(p.g, 1), job.transform(p.b, 2)};
  });
}

}  // namespace odt
