// SPDX-License-Identifier: MIT
// For other .ipp files of this room: values, layers and options as C++ source.
#pragma once

#include <odt/core/target.hpp>
#include <odt/core/text.hpp>
#include <odt/image_resizer.hpp>
#include <odt/nn/network.hpp>
#include <odt/post_processing.hpp>

#include <cmath>
#include <concepts>
#include <ranges>
#include <string>
#include <string_view>
#include <vector>

namespace odt::detail::cpp {

ODT_INLINE std::string source_of(std::string_view text) {
  std::string result = "\"";
  for (const char c : text) {
    const int code = static_cast<unsigned char>(c);
    const auto digit = [code](int shift) { return static_cast<char>('0' + (code >> shift & 7)); };
    if (c == '"' || c == '\\')
      result += str('\\', c);
    else
      result += code < ' ' || code == 0x7f ? str('\\', digit(6), digit(3), digit(0)) : str(c);
  }
  return result + '"';
}

ODT_INLINE std::string source_of(float value) {
  if (std::isinf(value)) return str(value < 0 ? "-" : "", "std::numeric_limits<float>::infinity()");
  const std::string digits = str(value);
  return str(digits, digits.find_first_of(".e") == std::string::npos ? ".0f" : "f");
}

template <std::integral Number>
std::string source_of(Number value) {
  return str(value);
}

ODT_INLINE std::string source_of(layer_kind kind) {
  constexpr std::string_view names[] = {"input",      "pad",          "convolution",     "depthwise_convolution",
                                        "batch_norm", "group_norm",   "clamp",           "activation",
                                        "max_pool",   "average_pool", "global_pool",     "concat",
                                        "slice",      "add",          "multiply",        "upsample",
                                        "dropout",    "regions",      "crop_and_resize", "position_sensitive_crop"};
  return str("odt::layer_kind::", names[static_cast<std::size_t>(kind)]);
}

ODT_INLINE std::string source_of(padding border) {
  constexpr std::string_view names[] = {"same", "valid", "fixed", "shifted"};
  return str("odt::padding::", names[static_cast<std::size_t>(border)]);
}

ODT_INLINE std::string source_of(activation a) { return str("odt::activation::", name_of(a)); }

ODT_INLINE std::string source_of(resize_method method) {
  constexpr std::string_view names[] = {"bilinear", "nearest_neighbor", "bicubic", "area"};
  return str("odt::resize_method::", names[static_cast<std::size_t>(method)]);
}

ODT_INLINE std::string source_of(image_resizer::kind what) {
  constexpr std::string_view names[] = {"fixed_shape", "keep_aspect_ratio", "identity"};
  return str("odt::image_resizer::kind::", names[static_cast<std::size_t>(what)]);
}

ODT_INLINE std::string source_of(score_converter converter) {
  constexpr std::string_view names[] = {"identity", "sigmoid", "softmax"};
  return str("odt::score_converter::", names[static_cast<std::size_t>(converter)]);
}

ODT_INLINE std::string source_of(const size2& size) { return str("{", size.height, ", ", size.width, "}"); }

template <std::ranges::range List>
  requires(!std::convertible_to<const List&, std::string_view>)
std::string source_of(const List& list) {
  std::vector<std::string> elements;
  for (const auto& element : list) elements.push_back(source_of(element));
  return str("{", join(elements, ", "), "}");
}

/// Members of an aggregate in their order, but for those that have their default: {.kernel_height = 3, .stride = 2}
class members {
 public:
  template <class T>
  members& add(std::string_view name, const T& value, const T& usual) {
    return value == usual ? *this : add_source(name, source_of(value));
  }
  /// What has a source already.
  members& add_source(std::string_view name, std::string_view source) {
    if (source != "{}") text_ += str(text_.empty() ? "." : ", .", name, " = ", source);
    return *this;
  }
  std::string source() const { return str("{", text_, "}"); }

 private:
  std::string text_;
};

ODT_INLINE std::string source_of(const layer_variables& v) {
  constexpr layer_variables usual;
  return members()
      .add("weights", v.weights, usual.weights)
      .add("biases", v.biases, usual.biases)
      .add("gamma", v.gamma, usual.gamma)
      .add("beta", v.beta, usual.beta)
      .add("moving_mean", v.moving_mean, usual.moving_mean)
      .add("moving_variance", v.moving_variance, usual.moving_variance)
      .source();
}

ODT_INLINE std::string source_of(const elementwise& f) {
  constexpr elementwise usual;
  return members()
      .add("kind", f.kind, usual.kind)
      .add("low", f.low, usual.low)
      .add("high", f.high, usual.high)
      .add("slope", f.slope, usual.slope)
      .source();
}

/// What inference needs of a layer; a dropout is none then.
ODT_INLINE std::string source_of(const layer& l) {
  const layer usual;
  return members()
      .add("kind", l.kind, usual.kind)
      .add_source("name", source_of(l.name.view()))
      .add_source("inputs", source_of(l.inputs))
      .add("channels", l.channels, usual.channels)
      .add("kernel_height", l.kernel_height, usual.kernel_height)
      .add("kernel_width", l.kernel_width, usual.kernel_width)
      .add("stride", l.stride, usual.stride)
      .add("rate", l.rate, usual.rate)
      .add("multiplier", l.multiplier, usual.multiplier)
      .add("like", l.like, usual.like)
      .add("first", l.first, usual.first)
      .add("border", l.border, usual.border)
      .add_source("variables", source_of(l.variables))
      .add_source("norm", members().add("epsilon", l.norm.epsilon, usual.norm.epsilon).source())
      .add("groups", l.groups, usual.groups)
      .add_source("function", source_of(l.function))
      .add("crop", l.crop, usual.crop)
      .add("bins", l.bins, usual.bins)
      .source();
}

ODT_INLINE std::string source_of(const network_output& o) {
  return members()
      .add_source("name", source_of(o.name.view()))
      .add_source("columns", source_of(o.columns))
      .add_source("layers", source_of(o.layers))
      .source();
}

ODT_INLINE std::string source_of(const image_resizer& r) {
  const image_resizer usual;
  return members()
      .add("what", r.what, usual.what)
      .add("method", r.method, usual.method)
      .add("shape", r.shape, usual.shape)
      .add("min_dimension", r.min_dimension, usual.min_dimension)
      .add("max_dimension", r.max_dimension, usual.max_dimension)
      .add("pad_to_max_dimension", r.pad_to_max_dimension, usual.pad_to_max_dimension)
      .add("pad_value", r.pad_value, usual.pad_value)
      .source();
}

ODT_INLINE std::string source_of(const non_max_suppression_options& o) {
  members all;
  non_max_suppression_options::fields(
      o, [&all](std::string_view name, const auto& value) { all.add_source(name, source_of(value)); });
  return all.source();
}

/// Without a calibration.
ODT_INLINE std::string source_of(const post_processing_options& o) {
  const post_processing_options usual;
  return members()
      .add_source("suppression", source_of(o.suppression))
      .add("converter", o.converter, usual.converter)
      .add("logit_scale", o.logit_scale, usual.logit_scale)
      .source();
}

}  // namespace odt::detail::cpp
