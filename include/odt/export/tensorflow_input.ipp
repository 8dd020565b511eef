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
  const tensor node = graph_.add("Placeholder", input_.name, {},
                                 {type_attribute("dtype", input_.type), shape_attribute("shape", input_.shape)});
  input_.name = "inputs";
  input_.tensor = node + ":0";
  return node;
}

/// Pictures [batch, height, width, 3] of files in memory, or of tf.Examples, which have to be of one size.
ODT_INLINE writer::tensor writer::decoded(const tensor& strings) {
  const auto picture = [&](const std::vector<tensor>& element) -> std::vector<tensor> {
    tensor file = element[0];
    if (options_.input == graph_input::tf_example) {
      const std::string text;
      proto::AttrValue types;
      types.mutable_list()->add_type(static_cast<int>(element_type::string));
      proto::AttrValue shapes;
      shapes.mutable_list()->add_shape();
      proto::AttrValue keys;
      keys.mutable_list()->add_s("image/encoded");
      proto::AttrValue none;
      none.mutable_list();
      proto::AttrValue missing;
      proto::GraphTensor& empty = *missing.mutable_tensor();
      empty.set_dtype(static_cast<int>(element_type::string));
      empty.mutable_tensor_shape();
      empty.add_string_val("");
      const tensor fallback = graph_.add(
          "Const", "missing", {}, {type_attribute("dtype", element_type::string), {"value", std::move(missing)}});
      file = graph_.add("ParseSingleExample", "ParseSingleExample",
                        {file, graph_.from_outside(fallback, element_type::string)},
                        {attribute("num_sparse", 0),
                         {"sparse_keys", none},
                         {"dense_keys", keys},
                         {"sparse_types", none},
                         {"Tdense", types},
                         {"dense_shapes", shapes}});
    }
    return {graph_.add("DecodeImage", "decode_image/DecodeImage", {file},
                       {attribute("channels", 3), type_attribute("dtype", element_type::uint8),
                        attribute("expand_animations", false)})};
  };
  return graph_.map("map", {{strings, element_type::string}}, {element_type::uint8}, picture)[0];
}

ODT_INLINE writer::tensor writer::resized(const image_resizer& resizer, const tensor& images, const tensor& size) {
  switch (resizer.method) {
    case resize_method::bilinear:
      return graph_.add(
          "ResizeBilinear", "ResizeImage/resize/ResizeBilinear", {images, size},
          {type_attribute("T", float_type), attribute("align_corners", false), attribute("half_pixel_centers", false)});
    case resize_method::nearest_neighbor:
      return graph_.add(
          "ResizeNearestNeighbor", "ResizeImage/resize/ResizeNearestNeighbor", {images, size},
          {type_attribute("T", float_type), attribute("align_corners", false), attribute("half_pixel_centers", false)});
    case resize_method::bicubic:
      return graph_.add(
          "ResizeBicubic", "ResizeImage/resize/ResizeBicubic", {images, size},
          {type_attribute("T", float_type), attribute("align_corners", false), attribute("half_pixel_centers", false)});
    case resize_method::area:
      break;
  }
  return graph_.add("ResizeArea", "ResizeImage/resize/ResizeArea", {images, size},
                    {type_attribute("T", float_type), attribute("align_corners", false)});
}

ODT_INLINE graph_images writer::images(const image_resizer& resizer, const pixel_transform& pixels) {
  const std::initializer_list<graph_attribute> floats{type_attribute("T", float_type)};
  tensor x = placeholder();
  if (options_.input >= graph_input::encoded_image_string_tensor) x = decoded(x);
  if (options_.input != graph_input::float_image_tensor)
    x = graph_.add("Cast", "Cast", {x},
                   {type_attribute("SrcT", element_type::uint8), type_attribute("DstT", float_type)});
  graph_.enter("Preprocessor");
  const auto channels = [&](const char* name, std::array<float, 3> values) {
    if (values[0] == values[1] && values[1] == values[2]) return graph_.scalar(name, values[0]);
    return graph_.constant(name, {3}, std::span<const float>(values));
  };
  if (pixels.scale != std::array<float, 3>{1, 1, 1}) {
    const tensor scale = channels("mul/x", pixels.scale);
    x = graph_.add("Mul", "mul", {scale, x}, floats);
  }
  if (pixels.shift != std::array<float, 3>{0, 0, 0}) {
    const tensor shift = channels("sub/y", {-pixels.shift[0], -pixels.shift[1], -pixels.shift[2]});
    x = graph_.add("Sub", "sub", {x, shift}, floats);
  }
  graph_images result;
  if (resizer.what == image_resizer::kind::fixed_shape)
    x = resized(resizer, x, graph_.integers("stack", {resizer.shape.height, resizer.shape.width}));
  if (resizer.what == image_resizer::kind::keep_aspect_ratio) {
    // The short side becomes min_dimension, unless the long one would be above max_dimension; sides are rounded.
    const auto to_float = [&](const tensor& t) {
      return graph_.add("Cast", "Cast", {t},
                        {type_attribute("SrcT", element_type::int32), type_attribute("DstT", float_type)});
    };
    const auto to_int = [&](const tensor& t) {
      return graph_.add("Cast", "Cast", {t},
                        {type_attribute("SrcT", float_type), type_attribute("DstT", element_type::int32)});
    };
    const tensor height = to_float(graph_.extent(x, float_type, 1)), width = to_float(graph_.extent(x, float_type, 2));
    const auto scaled = [&](const char* which, int side) {
      const tensor factor = graph_.add(
          "RealDiv", "truediv",
          {graph_.scalar("side", static_cast<float>(side)), graph_.add(which, which, {height, width}, floats)}, floats);
      const auto rounded = [&](const tensor& t) {
        return graph_.add("Round", "Round", {graph_.add("Mul", "mul", {t, factor}, floats)}, floats);
      };
      return std::array{rounded(height), rounded(width)};
    };
    const auto large = scaled("Minimum", resizer.min_dimension), small = scaled("Maximum", resizer.max_dimension);
    const tensor too_long = graph_.add("Greater", "Greater",
                                       {graph_.add("Maximum", "Maximum", {large[0], large[1]}, floats),
                                        graph_.scalar("max_dimension", static_cast<float>(resizer.max_dimension))},
                                       floats);
    const auto chosen = [&](std::size_t side) {
      return graph_.add("SelectV2", "Select", {too_long, small[side], large[side]}, floats);
    };
    const tensor inner_height = chosen(0), inner_width = chosen(1);
    const tensor sides[] = {to_int(inner_height), to_int(inner_width)};
    x = resized(resizer, x, graph_.pack("stack", {sides[0], sides[1]}));
    if (resizer.pad_to_max_dimension) {
      const std::initializer_list<graph_attribute> ints{type_attribute("T", element_type::int32)};
      const tensor zero = graph_.scalar("zero", 0), most = graph_.scalar("most", resizer.max_dimension);
      const auto missing = [&](const tensor& side) { return graph_.add("Sub", "missing", {most, side}, ints); };
      const tensor flat =
          graph_.pack("flat", {zero, zero, zero, missing(sides[0]), zero, missing(sides[1]), zero, zero});
      const tensor paddings =
          graph_.add("Reshape", "paddings", {flat, graph_.integers("paddings/shape", {4, 2})},
                     {type_attribute("T", element_type::int32), type_attribute("Tshape", element_type::int32)});
      // What is added has to be 0 first: PadV2 takes one value for all channels.
      const tensor value = channels("pad_value", resizer.pad_value);
      const tensor around = graph_.add("Sub", "above_pad_value", {x, value}, floats);
      const tensor widened =
          graph_.add("Pad", "Pad", {around, paddings},
                     {type_attribute("T", float_type), type_attribute("Tpaddings", element_type::int32)});
      x = graph_.add("AddV2", "padded", {widened, value}, floats);
      const tensor whole = graph_.scalar("whole", static_cast<float>(resizer.max_dimension)),
                   none = graph_.scalar("none", 0.0f);
      const auto share = [&](const tensor& side) { return graph_.add("RealDiv", "share", {side, whole}, floats); };
      result.window = {graph_.stack({none, none, share(inner_height), share(inner_width)}, 0)};
    }
  }
  images_ = x;
  result.pixels = {x};
  const auto side = [&](int axis) {
    return graph_.add("Cast", "Cast", {graph_.extent(x, float_type, axis)},
                      {type_attribute("SrcT", element_type::int32), type_attribute("DstT", float_type)});
  };
  result.height = {side(1)}, result.width = {side(2)};
  return result;
}

}  // namespace odt::detail::tensorflow
