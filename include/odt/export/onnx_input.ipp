// SPDX-License-Identifier: MIT
// For other .ipp files of this room: what comes before the first layer, in ONNX.
#pragma once

#include <odt/core/error.hpp>
#include <odt/core/target.hpp>
#include <odt/export/onnx_writer.ipp>

#include <algorithm>
#include <array>

namespace odt::detail::onnx {

/// Maps at another size, with TensorFlow's sampling. Sides are vectors of one number.
ODT_INLINE writer::tensor writer::resized(const image_resizer& resizer, const tensor& images, const tensor& height,
                                          const tensor& width) {
  std::vector<attribute> how{text_attribute("coordinate_transformation_mode", "asymmetric")};
  switch (resizer.method) {
    case resize_method::bilinear:
      return blended(images, height, width);
    case resize_method::nearest_neighbor:
      how.push_back(text_attribute("mode", "nearest"));
      how.push_back(text_attribute("nearest_mode", "floor"));
      break;
    case resize_method::bicubic:
      how.push_back(text_attribute("mode", "cubic"));
      how.push_back(float_attribute("cubic_coeff_a", -0.75f));
      break;
    case resize_method::area:
      fail("image_resizer: resize_method AREA cannot be exported to ONNX");
  }
  const tensor sizes = graph_.concat({graph_.extents(images, 0, 2), height, width}, 0);
  return graph_.add("Resize", {images, tensor{}, tensor{}, sizes}, how);
}

/// Bilinear, in TensorFlow's own arithmetic: Resize divides by a rounded ratio where TensorFlow multiplies, which moves
/// the far pixels of a large photo by so much that scores differ by 0.001.
ODT_INLINE writer::tensor writer::blended(const tensor& images, const tensor& height, const tensor& width) {
  struct taps {
    tensor low, high, share;
  };
  const auto taps_of = [&](int axis, const tensor& out) {
    const tensor in = graph_.extents(images, axis, axis + 1);
    const tensor scale = graph_.add("Div", {graph_.cast(in, data_type::float32), graph_.cast(out, data_type::float32)});
    const tensor every = graph_.add("Range", {graph_.integer(0), graph_.add("Squeeze", {out}), graph_.integer(1)});
    const tensor at = graph_.add("Mul", {graph_.cast(every, data_type::float32), scale});
    const tensor below = graph_.add("Floor", {at}), one = graph_.integer(1), last = graph_.add("Sub", {in, one});
    const tensor low = graph_.add("Min", {graph_.cast(below, data_type::int64), last});
    return taps{low, graph_.add("Min", {graph_.add("Add", {low, one}), last}), graph_.add("Sub", {at, below})};
  };
  const auto gathered = [&](const tensor& from, const tensor& which, int axis) {
    return graph_.add("Gather", {from, which}, {int_attribute("axis", axis)});
  };
  const auto between = [&](const tensor& a, const tensor& b, const tensor& share) {
    return graph_.add("Add", {a, graph_.add("Mul", {graph_.add("Sub", {b, a}), share})});
  };
  const taps y = taps_of(2, height), x = taps_of(3, width);
  const auto row = [&](const tensor& which) {
    const tensor line = gathered(images, which, 2);
    return between(gathered(line, x.low, 3), gathered(line, x.high, 3), x.share);
  };
  return between(row(y.low), row(y.high), graph_.add("Unsqueeze", {y.share, graph_.integers({1})}));
}

ODT_INLINE graph_images writer::images(const image_resizer& resizer, const pixel_transform& pixels) {
  graph_.declare_input("image_tensor", data_type::uint8, input_shape_);
  graph_.enter("Preprocessor");
  tensor x = graph_.cast("image_tensor", data_type::float32);
  const auto channels = [&](const std::array<float, 3>& values, std::vector<std::int64_t> shape) {
    return graph_.floats("channels", shape, values);
  };
  if (pixels.scale != std::array<float, 3>{1, 1, 1}) x = graph_.add("Mul", {x, channels(pixels.scale, {3})});
  if (pixels.shift != std::array<float, 3>{0, 0, 0}) x = graph_.add("Add", {x, channels(pixels.shift, {3})});
  x = graph_.transpose(x, {0, 3, 1, 2});
  graph_images result;
  if (resizer.what == image_resizer::kind::fixed_shape)
    x = resized(resizer, x, graph_.integers({resizer.shape.height}), graph_.integers({resizer.shape.width}));
  if (resizer.what == image_resizer::kind::keep_aspect_ratio) {
    // The short side becomes min_dimension, unless the long one would be above max_dimension; sides are rounded.
    const tensor sides = graph_.cast(graph_.extents(x, 2, 4), data_type::float32);
    const auto scaled = [&](const char* reduction, int side) {
      const tensor limit = graph_.add(reduction, {sides});
      const tensor factor = graph_.add("Div", {graph_.number(static_cast<float>(side)), limit});
      return graph_.add("Round", {graph_.add("Mul", {sides, factor})});
    };
    const tensor large = scaled("ReduceMin", resizer.min_dimension), small = scaled("ReduceMax", resizer.max_dimension);
    const tensor too_long = graph_.add(
        "Greater", {graph_.add("ReduceMax", {large}), graph_.number(static_cast<float>(resizer.max_dimension))});
    const tensor chosen = graph_.add("Where", {too_long, small, large});
    const tensor inner = graph_.cast(chosen, data_type::int64);
    x = resized(resizer, x, graph_.slice(inner, 0, 0, 1), graph_.slice(inner, 0, 1, 1));
    if (resizer.pad_to_max_dimension) {
      const std::int64_t most = resizer.max_dimension;
      const tensor missing = graph_.add("Sub", {graph_.integers({most, most}), inner});
      const tensor zeros = graph_.concat({graph_.integers({0, 0, 0, 0, 0, 0}), missing}, 0);
      // What is added has to be 0 first: Pad takes one value for all channels.
      const tensor value = channels(resizer.pad_value, {3, 1, 1});
      x = graph_.add("Add", {graph_.add("Pad", {graph_.add("Sub", {x, value}), zeros}), value});
      const tensor share = graph_.add("Div", {chosen, graph_.number(static_cast<float>(most))});
      const std::array<float, 2> corner{0, 0};
      result.window = {graph_.concat({graph_.floats("corner", {2}, corner), share}, 0)};
    }
  }
  images_ = x;
  result.pixels = {x};
  const auto side = [&](int axis) {
    return graph_.add("Squeeze", {graph_.cast(graph_.extents(x, axis, axis + 1), data_type::float32)});
  };
  result.height = {side(2)}, result.width = {side(3)};
  return result;
}

}  // namespace odt::detail::onnx
