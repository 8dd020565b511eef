// SPDX-License-Identifier: MIT
#pragma once

#include <odt/core/past_caches.hpp>
#include <odt/core/target.hpp>
#include <odt/image_resizer.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>

namespace odt {

namespace detail::resizing {

ODT_INLINE resize_method method_from(const settings& message) {
  const auto name = message.get<std::string>("resize_method");
  if (name == "BILINEAR") return resize_method::bilinear;
  if (name == "NEAREST_NEIGHBOR") return resize_method::nearest_neighbor;
  if (name == "BICUBIC") return resize_method::bicubic;
  if (name == "AREA") return resize_method::area;
  fail(message.at("resize_method").where(), "\"", name, "\" is not BILINEAR, NEAREST_NEIGHBOR, BICUBIC or AREA");
}

ODT_INLINE void refuse_gray(const settings& message) {
  if (message.get<bool>("convert_to_grayscale"))
    fail(message.at("convert_to_grayscale").where(),
         "networks of one input channel are not supported; remove it (random_rgb_to_gray makes gray images)");
}

ODT_INLINE int positive(const settings& message, std::string_view name) {
  const int value = message.get<int>(name);
  if (value < 1) fail(message.at(name).where(), value, " pixels; it has to be at least 1");
  return value;
}

ODT_INLINE void make_taps(const resize_axis& axis, resize_taps& taps) {
  taps.count = tap_count(axis);
  taps.index.clear();
  taps.weight.clear();
  for (int i = 0; i < axis.out; ++i)
    for (int k = 0; k < taps.count; ++k) {
      const resize_tap tap = tap_of(axis, i, k);
      taps.index.push_back(tap.index);
      taps.weight.push_back(tap.weight);
    }
}

/// A row that lies in memory from right to left is read from its other end.
ODT_INLINE void mirror(resize_taps& taps, int in) {
  for (int& index : taps.index) index = in - 1 - index;
}

ODT_INLINE void make_blend(const resize_taps& taps, int in, bool mirrored, blend_table& blend) {
  blend.pixels.resize(taps.index.size() / 2);
  for (std::size_t x = 0; x < blend.pixels.size(); ++x)
    blend.pixels[x] = {taps.index[2 * x], taps.index[2 * x + 1], taps.weight[2 * x + 1]};
  blend.finish(in, mirrored);
}

/// One source row, `width` result pixels: the weighted sums of its pixels.
ODT_INLINE void sum_pixels(const resize_taps& taps, int width, const float* source, float* out) {
  const int* index = taps.index.data();
  const float* weight = taps.weight.data();
  for (int x = 0; x < width; ++x, out += 3) {
    float sum[3] = {0, 0, 0};
    for (int k = 0; k < taps.count; ++k, ++index, ++weight)
      for (int c = 0; c < 3; ++c) sum[c] += source[3 * *index + c] * *weight;
    for (int c = 0; c < 3; ++c) out[c] = sum[c];
  }
}

/// The source row `number` at the width of the result, from its slot or made anew.
ODT_INLINE const float* resized_row(int number, bool bilinear, const pixel_transform& change, const picture& source,
                                    int width, resize_scratch& s) {
  const auto slot = static_cast<std::size_t>(number % s.y.count);
  float* row = s.rows.data() + slot * static_cast<std::size_t>(width) * 3;
  if (s.row_numbers[slot] == number) return row;
  s.row_numbers[slot] = number;
  const std::uint8_t* const bytes = source.stored_bytes(number);
  if (bilinear && bytes) return blend_pixels(s.blend, bytes, change, row), row;
  source.read_stored_row(number, change, s.source_row.data());
  if (bilinear)
    blend_pixels(s.blend, s.source_row.data(), row);
  else
    sum_pixels(s.x, width, s.source_row.data(), row);
  return row;
}

#if defined(__AVX512F__)
using wide_vector = __m512;
#elif defined(__AVX__)
using wide_vector = __m256;
#endif

/// One row between two. A batch lies in no cache: whole vectors of it go past them, until finish_stores().
ODT_INLINE void blend_rows(const float* a, const float* b, float share, std::size_t values, float* __restrict out) {
  std::size_t i = 0;
#if defined(__AVX__)
  constexpr std::size_t wide = sizeof(wide_vector) / sizeof(float);
  const std::size_t beside = reinterpret_cast<std::uintptr_t>(out) / sizeof(float) % wide;
  for (; (beside + i) % wide != 0 && i < values; ++i) out[i] = blend(a[i], b[i], share);
  for (; i + wide <= values; i += wide) {
    wide_vector left, right;
    std::memcpy(&left, a + i, sizeof left);
    std::memcpy(&right, b + i, sizeof right);
    store_past_caches(out + i, blend(left, right, share));
  }
#endif
  for (; i < values; ++i) out[i] = blend(a[i], b[i], share);
}

ODT_INLINE void fill(float* from, float* to, const std::array<float, 3>& color) {
  for (; from != to; from += 3) from[0] = color[0], from[1] = color[1], from[2] = color[2];
}

}  // namespace detail::resizing

ODT_INLINE image_resizer image_resizer::fixed_shape(size2 shape, resize_method method) {
  image_resizer r;
  r.shape = shape;
  r.method = method;
  return r;
}

ODT_INLINE image_resizer image_resizer::keep_aspect_ratio(int min_dimension, int max_dimension,
                                                          bool pad_to_max_dimension, resize_method method) {
  if (min_dimension < 1 || min_dimension > max_dimension)
    fail("keep_aspect_ratio_resizer: min_dimension ", min_dimension, " has to be at least 1 and at most max_dimension ",
         max_dimension);
  image_resizer r;
  r.what = kind::keep_aspect_ratio;
  r.min_dimension = min_dimension;
  r.max_dimension = max_dimension;
  r.pad_to_max_dimension = pad_to_max_dimension;
  r.method = method;
  return r;
}

ODT_INLINE size2 image_resizer::inner_size(size2 extent) const {
  if (what == kind::identity) return extent;
  if (what == kind::fixed_shape) return shape;
  const auto h = static_cast<float>(extent.height), w = static_cast<float>(extent.width);
  const auto low = static_cast<float>(min_dimension), high = static_cast<float>(max_dimension);
  const float scale = h < w ? std::min(low / h, high / w) : std::min(high / h, low / w);
  const auto side = [scale](float length) { return std::max(1, static_cast<int>(std::nearbyint(scale * length))); };
  return {side(h), side(w)};
}

ODT_INLINE size2 image_resizer::outer_size(size2 extent) const {
  if (what == kind::keep_aspect_ratio && pad_to_max_dimension) return {max_dimension, max_dimension};
  return inner_size(extent);
}

ODT_INLINE std::optional<size2> image_resizer::constant_size() const {
  if (what == kind::fixed_shape) return shape;
  if (what == kind::keep_aspect_ratio && pad_to_max_dimension) return size2{max_dimension, max_dimension};
  return std::nullopt;
}

ODT_INLINE std::optional<size2> image_resizer::largest_size() const {
  if (what == kind::identity) return std::nullopt;
  return constant_size().value_or(size2{min_dimension, max_dimension});
}

ODT_INLINE image_resizer image_resizer_from(const settings& message) {
  using namespace detail::resizing;
  const settings& chosen = choose(message, {"fixed_shape_resizer", "keep_aspect_ratio_resizer", "identity_resizer"});
  image_resizer r;
  if (chosen.name == "identity_resizer") {
    r.what = image_resizer::kind::identity;
    return r;
  }
  refuse_gray(chosen);
  const resize_method method = method_from(chosen);
  if (chosen.name == "fixed_shape_resizer")
    return image_resizer::fixed_shape({positive(chosen, "height"), positive(chosen, "width")}, method);
  const int low = positive(chosen, "min_dimension"), high = positive(chosen, "max_dimension");
  if (low > high)
    fail(chosen.where(), "min_dimension ", low, " is above max_dimension ", high, "; it has to be at most that");
  r = image_resizer::keep_aspect_ratio(low, high, chosen.get<bool>("pad_to_max_dimension"), method);
  const settings& colors = chosen.at("per_channel_pad_value");
  if (!colors.children.empty() && colors.children.size() != 3)
    fail(colors.where(), "has ", colors.children.size(), " values; it has to have 3 (red, green, blue)");
  for (std::size_t c = 0; c < colors.children.size(); ++c) r.pad_value[c] = colors.children[c].as<float>();
  return r;
}

namespace detail::resizing {

/// Fills `out` with an image of the size `outer` whose top left part, `inner`, is the picture.
ODT_INLINE void resize(const image_form& form, size2 inner, size2 outer, const picture& source, float* out,
                       resize_scratch& s) {
  const size2 in = source.size();
  const bool bilinear = form.method == resize_method::bilinear;
  make_taps({form.method, in.width, inner.width}, s.x);
  make_taps({form.method, in.height, inner.height}, s.y);
  if (source.mirrored()) mirror(s.x, in.width);
  if (bilinear) make_blend(s.x, in.width, source.mirrored(), s.blend);
  const auto values = static_cast<std::size_t>(inner.width) * 3, stride = static_cast<std::size_t>(outer.width) * 3;
  s.source_row.resize(static_cast<std::size_t>(in.width) * 3);
  s.rows.resize(values * static_cast<std::size_t>(s.y.count));
  s.row_numbers.assign(static_cast<std::size_t>(s.y.count), -1);
  for (int y = 0; y < inner.height; ++y, out += stride) {
    const int* index = s.y.index.data() + y * s.y.count;
    const float* weight = s.y.weight.data() + y * s.y.count;
    const auto row = [&](int k) { return resized_row(index[k], bilinear, form.transform, source, inner.width, s); };
    if (bilinear) {
      const float *a = row(0), *b = row(1);
      blend_rows(a, b, weight[1], values, out);
    } else {
      std::fill(out, out + values, 0.0f);
      for (int k = 0; k < s.y.count; ++k) {
        if (weight[k] == 0) continue;
        const float *a = row(k), share = weight[k];
        for (std::size_t i = 0; i < values; ++i) out[i] += a[i] * share;
      }
    }
    fill(out + values, out + stride, form.pad_value);
  }
  fill(out, out + stride * static_cast<std::size_t>(outer.height - inner.height), form.pad_value);
  finish_stores();
}

}  // namespace detail::resizing

ODT_INLINE size2 resize(const image_resizer& resizer, const pixel_transform& change, const picture& source, float* out,
                        resize_scratch& scratch) {
  const size2 inner = resizer.inner_size(source.size()), outer = resizer.outer_size(source.size());
  detail::resizing::resize({resizer.method, change, resizer.pad_value}, inner, outer, source, out, scratch);
  return inner;
}

ODT_INLINE void make_image(const batch& b, int i, float* out, resize_scratch& scratch) {
  const raw_image& raw = b.raws.at(static_cast<std::size_t>(i));
  if (!raw.finished.empty()) return void(std::ranges::copy(raw.finished, out));
  picture pixels(raw.picture);
  follow(raw.steps, pixels);
  detail::resizing::resize(b.form, b.true_sizes[static_cast<std::size_t>(i)], {b.height, b.width}, pixels, out,
                           scratch);
}

ODT_INLINE network_input to_network_input(const image& source, const image_resizer& resizer,
                                          const pixel_transform& change) {
  const size2 outer = resizer.outer_size(source.size());
  network_input result;
  result.pixels = float_image(outer.height, outer.width, 3);
  result.original_size = source.size();
  resize_scratch scratch;
  result.true_size = resize(resizer, change, picture(source), result.pixels.pixels.data(), scratch);
  return result;
}

}  // namespace odt
