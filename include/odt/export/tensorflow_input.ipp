// SPDX-License-Identifier: MIT
// For other .ipp files of this room: what comes before the first layer, in TensorFlow.
#pragma once

#include <odt/core/target.hpp>
#include <odt/export/tensorflow_loop.ipp>
#include <odt/export/tensorflow_writer.ipp>

#include <array>

namespace odt::detail::tensorflow {

ODT_INLINE writer::tensor writer::placeholder() {
  const bool strings = options_.input >= graph_input::encoded_image_string_tensor;
  const bool bytes = options_.input == graph_input::image_tensor;
  input_.type = strings ? element_type::string : bytes ? element_type::uint8 : element_type::float32;
  input_.shape = strings ? std::vector{options_.input_shape[0]} : options_.input_shape;
  input_.name =
      options_.input == graph_input::float_image_tensor ? "image_tensor" : std::string(name_of(options_.input));
  graph_.enter("");
  tensor node = graph_.add("Placeholder", input_.name, {},
                           {type_attribute("dtype", input_.type), shape_attribute("shape", input_.shape)});
  input_.name = "inputs";
  input_.tensor = node + ":0";
  return node;
}

/// The bytes of the picture in a tf.Example.
ODT_INLINE writer::tensor writer::encoded_picture(const tensor& example) {
  proto::AttrValue none, keys, types, shapes, missing;
  none.mutable_list();
  keys.mutable_list()->add_s("image/encoded");
  types.mutable_list()->add_type(static_cast<int>(element_type::string));
  shapes.mutable_list()->add_shape();
  proto::GraphTensor& empty = *missing.mutable_tensor();
  empty.set_dtype(static_cast<int>(element_type::string));
  empty.mutable_tensor_shape();
  empty.add_string_val("");
  const tensor fallback =
      graph_.add("Const", "missing", {}, {type_attribute("dtype", element_type::string), {"value", missing}});
  return graph_.add("ParseSingleExample", "ParseSingleExample",
                    {example, graph_.from_outside(fallback, element_type::string)},
                    {attribute("num_sparse", 0),
                     {"sparse_keys", none},
                     {"dense_keys", keys},
                     {"sparse_types", none},
                     {"Tdense", types},
                     {"dense_shapes", shapes}});
}

/// Pictures [batch, height, width, 3] of files in memory, or of tf.Examples, which have to be of one size.
ODT_INLINE writer::tensor writer::decoded(const tensor& strings) {
  const auto picture = [&](const std::vector<tensor>& element) -> std::vector<tensor> {
    const tensor file = options_.input == graph_input::tf_example ? encoded_picture(element[0]) : element[0];
    return {graph_.add("DecodeImage", "decode_image/DecodeImage", {file},
                       {attribute("channels", 3), type_attribute("dtype", element_type::uint8),
                        attribute("expand_animations", false)})};
  };
  return graph_.map("map", {{strings, element_type::string}}, {element_type::uint8}, picture)[0];
}

ODT_INLINE writer::tensor writer::resized(const image_resizer& resizer, const tensor& images, const tensor& size) {
  constexpr const char* ops[] = {"ResizeBilinear", "ResizeNearestNeighbor", "ResizeBicubic", "ResizeArea"};
  const std::string op = ops[static_cast<std::size_t>(resizer.method)];
  return graph_.add(op, "ResizeImage/resize/" + op, {images, size},
                    {type_attribute("T", float_type), attribute("align_corners", false)});
}

/// A number for each channel; where they are equal, one.
ODT_INLINE writer::tensor writer::channels(const char* name, const std::array<float, 3>& values) {
  if (values[0] == values[1] && values[1] == values[2]) return graph_.scalar(name, values[0]);
  return graph_.constant(name, {3}, std::span<const float>(values));
}

ODT_INLINE writer::tensor writer::transformed(const tensor& images, const pixel_transform& pixels) {
  tensor x = images;
  if (pixels.scale != std::array<float, 3>{1, 1, 1}) {
    const tensor scale = channels("mul/x", pixels.scale);
    x = graph_.compute("Mul", "mul", {scale, x});
  }
  if (pixels.shift != std::array<float, 3>{0, 0, 0}) {
    const tensor shift = channels("sub/y", {-pixels.shift[0], -pixels.shift[1], -pixels.shift[2]});
    x = graph_.compute("Sub", "sub", {x, shift});
  }
  return x;
}

/// Height and width by keep_aspect_ratio_resizer: the short side becomes min_dimension, unless the long one would be
/// above max_dimension; both are rounded.
ODT_INLINE std::array<writer::tensor, 2> writer::inner_size(const image_resizer& resizer, const tensor& images) {
  const tensor height = side(images, 1), width = side(images, 2);
  const auto scaled = [&](const char* which, int length) {
    const tensor wanted = graph_.scalar("side", static_cast<float>(length));
    const tensor factor = graph_.compute("RealDiv", "truediv", {wanted, graph_.compute(which, which, {height, width})});
    const auto rounded = [&](const tensor& t) {
      return graph_.compute("Round", "Round", {graph_.compute("Mul", "mul", {t, factor})});
    };
    return std::array{rounded(height), rounded(width)};
  };
  const auto large = scaled("Minimum", resizer.min_dimension), small = scaled("Maximum", resizer.max_dimension);
  const tensor too_long = graph_.compute("Greater", "Greater",
                                         {graph_.compute("Maximum", "Maximum", {large[0], large[1]}),
                                          graph_.scalar("max_dimension", static_cast<float>(resizer.max_dimension))});
  return {graph_.compute("SelectV2", "Select", {too_long, small[0], large[0]}),
          graph_.compute("SelectV2", "Select", {too_long, small[1], large[1]})};
}

/// To a square of max_dimension. Pad adds zeros: where something else is wanted, that is taken away before.
ODT_INLINE writer::tensor writer::padded_to_square(const image_resizer& resizer, const tensor& images,
                                                   const std::array<tensor, 2>& inner) {
  const tensor most = graph_.scalar("most", resizer.max_dimension);
  const auto missing = [&](const tensor& length) {
    return graph_.add("Sub", "missing", {most, length}, {type_attribute("T", element_type::int32)});
  };
  const tensor value = channels("pad_value", resizer.pad_value);
  const tensor wider = graph_.add("Pad", "Pad",
                                  {graph_.compute("Sub", "above_pad_value", {images, value}),
                                   graph_.paddings(missing(inner[0]), missing(inner[1]))},
                                  {type_attribute("T", float_type), type_attribute("Tpaddings", element_type::int32)});
  return graph_.compute("AddV2", "padded", {wider, value});
}

/// An extent of maps, as a float.
ODT_INLINE writer::tensor writer::side(const tensor& images, int axis) {
  return graph_.cast(graph_.extent(images, float_type, axis), element_type::int32, float_type);
}

ODT_INLINE graph_images writer::images(const image_resizer& resizer, const pixel_transform& pixels) {
  if (options_.tflite) return normalized_images(resizer);
  tensor x = placeholder();
  if (options_.input >= graph_input::encoded_image_string_tensor) x = decoded(x);
  if (options_.input != graph_input::float_image_tensor) x = graph_.cast(x, element_type::uint8, float_type);
  graph_.enter("Preprocessor");
  x = transformed(x, pixels);
  graph_images result;
  if (resizer.what == image_resizer::kind::fixed_shape)
    x = resized(resizer, x, graph_.integers("stack", {resizer.shape.height, resizer.shape.width}));
  if (resizer.what == image_resizer::kind::keep_aspect_ratio) {
    const auto [height, width] = inner_size(resizer, x);
    const std::array inner{graph_.cast(height, float_type, element_type::int32),
                           graph_.cast(width, float_type, element_type::int32)};
    x = resized(resizer, x, graph_.pack("stack", {inner[0], inner[1]}));
    if (resizer.pad_to_max_dimension) {
      x = padded_to_square(resizer, x, inner);
      const tensor whole = graph_.scalar("whole", static_cast<float>(resizer.max_dimension)),
                   none = graph_.scalar("none", 0.0f);
      result.window = {graph_.stack({none, none, graph_.compute("RealDiv", "share", {height, whole}),
                                     graph_.compute("RealDiv", "share", {width, whole})},
                                    0)};
    }
  }
  images_ = x;
  result.pixels = {x};
  result.height = {side(x, 1)}, result.width = {side(x, 2)};
  return result;
}

}  // namespace odt::detail::tensorflow
