// SPDX-License-Identifier: MIT
#pragma once

#include <odt/core/error.hpp>
#include <odt/core/target.hpp>
#include <odt/core/text.hpp>
#include <odt/exec/pjrt/module_builder.hpp>

#include <algorithm>
#include <limits>

namespace odt::pjrt {

namespace detail {

ODT_INLINE std::string_view name_of(element_type type) {
  constexpr std::string_view names[] = {"f32", "i32", "ui8", "ui32", "ui64", "i1"};
  return names[static_cast<std::size_t>(type)];
}

/// "tensor<2x3xf32>"
ODT_INLINE std::string type_of(element_type type, const extents& shape) {
  std::string text = "tensor<";
  for (const std::int64_t e : shape) text += str(e, "x");
  return text += str(name_of(type), ">");
}
ODT_INLINE std::string type_of(const tensor& x) { return type_of(x.type, x.shape); }

/// Names, and types, of tensors, behind one another.
struct tensor_list {
  std::string names{}, types{};

  explicit tensor_list(std::span<const tensor> all) {
    for (const tensor& t : all) {
      const char* const comma = names.empty() ? "" : ", ";
      names += comma + t.name;
      types += comma + type_of(t);
    }
  }
};

template <class Numbers>
std::string listed(const Numbers& numbers) {
  std::string text;
  for (const auto& n : numbers) text += str(text.empty() ? "" : ", ", n);
  return text;
}

ODT_INLINE void append_hex(std::string& text, std::uint32_t byte) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  text += digits[byte >> 4 & 15];
  text += digits[byte & 15];
}

/// A float's bits as MLIR writes them: "0x3F800000".
ODT_INLINE std::string bits_of(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  std::string text = "0x";
  for (int shift = 24; shift >= 0; shift -= 8) append_hex(text, bits >> shift & 255);
  return text;
}

/// All bits of an array, the lowest byte first.
ODT_INLINE std::string bytes_of(std::span<const float> values) {
  std::string text = "\"0x";
  text.reserve(8 * values.size() + 4);
  for (const float value : values) {
    const auto bits = std::bit_cast<std::uint32_t>(value);
    for (int shift = 0; shift < 32; shift += 8) append_hex(text, bits >> shift & 255);
  }
  return text += "\"";
}

/// The element that a fold begins with.
ODT_INLINE float identity_of(std::string_view operation) {
  constexpr float infinity = std::numeric_limits<float>::infinity();
  return operation == "add" ? 0.0f : operation == "maximum" ? -infinity : infinity;
}

/// A function of two scalars, as reductions take it.
ODT_INLINE std::string region_of(std::string_view code) {
  return str("({\n    ^bb0(%a: tensor<f32>, %b: tensor<f32>):\n      ", code, "\n      stablehlo.return %c : ",
             code.find("compare") == std::string_view::npos ? "tensor<f32>" : "tensor<i1>", "\n    }");
}

ODT_INLINE std::string fold_of(std::string_view operation) {
  return region_of(str("%c = stablehlo.", operation, " %a, %b : tensor<f32>"));
}

/// Of the four axes of maps, where two have something to say.
ODT_INLINE std::string four(const std::array<std::int64_t, 2>& of) {
  return str("array<i64: 1, ", of[0], ", ", of[1], ", 1>");
}

/// A window as reductions over maps are told of it.
ODT_INLINE std::string attributes_of(const window_move& w, bool dilated) {
  std::string text = str("window_dimensions = ", four(w.size), ", window_strides = ", four(w.stride));
  if (dilated)
    text += str(", base_dilations = ", four(w.base_dilation), ", window_dilations = ", four(w.window_dilation));
  return text += str(", padding = dense<[[0, 0], [", listed(w.padding[0]), "], [", listed(w.padding[1]),
                     "], [0, 0]]> : tensor<4x2xi64>");
}

/// How many places a window has along an axis.
ODT_INLINE std::int64_t places(std::int64_t in, const window_move& w, std::size_t axis) {
  const std::int64_t reach = (w.size[axis] - 1) * w.window_dilation[axis] + 1;
  const std::int64_t all = (in - 1) * w.base_dilation[axis] + 1 + w.padding[axis][0] + w.padding[axis][1];
  return (all - reach) / w.stride[axis] + 1;
}

/// The extent of the result's axis that a letter of convolution_form::axes names; `of` is 0 for x, 1 for weights, 2
/// for the result.
ODT_INLINE std::size_t axis_of(std::string_view axes, int of, char letter) {
  std::size_t begin = 0;
  for (int i = 0; i < of; ++i) begin = axes.find('[', begin + 1);
  std::size_t number = 0;
  for (std::size_t i = begin; axes[i] != ']'; ++i) {
    if (axes[i] == letter) return number;
    number += axes[i] == ',';
  }
  fail("a convolution's axes ", axes, " have no ", letter);
}

}  // namespace detail

ODT_INLINE tensor module_builder::argument(element_type type, extents shape) {
  arguments_.push_back({str("%arg", arguments_.size()), type, std::move(shape)});
  return arguments_.back();
}

ODT_INLINE void module_builder::result(const tensor& value, const tensor& donor) {
  if (donor.given()) donated_[donor.name] = results_.size();
  results_.push_back(value);
}

ODT_INLINE std::string module_builder::text() const {
  std::string text = str("module @odt attributes {mhlo.num_partitions = 1 : i32, mhlo.num_replicas = ", replicas_,
                         " : i32} {\n  func.func public @main(");
  for (const tensor& a : arguments_) {
    text += str(&a == &arguments_.front() ? "" : ", ", a.name, ": ", detail::type_of(a));
    if (const auto donated = donated_.find(a.name); donated != donated_.end())
      text += str(" {tf.aliasing_output = ", donated->second, " : i32}");
  }
  const detail::tensor_list all(results_);
  return text += str(") -> (", all.types, ") {\n", constants_, body_, "    func.return ", all.names, " : ", all.types,
                     "\n  }\n}\n");
}

ODT_INLINE tensor module_builder::add(element_type type, extents shape, std::string_view code) {
  tensor t{str("%", values_++), type, std::move(shape)};
  body_ += str("    ", t.name, " = ", code, "\n");
  return t;
}

ODT_INLINE tensor module_builder::fill(element_type type, std::string_view value, const extents& shape) {
  tensor t{str("%", values_++), type, shape};
  constants_ += str("    ", t.name, " = stablehlo.constant dense<", value, "> : ", detail::type_of(t), "\n");
  return t;
}

ODT_INLINE tensor module_builder::number(float value) {
  tensor& known = numbers_[std::bit_cast<std::uint32_t>(value)];
  if (!known.given()) known = fill(element_type::f32, detail::bits_of(value), {});
  return known;
}

ODT_INLINE tensor module_builder::constant(std::span<const float> values, extents shape) {
  return fill(element_type::f32, detail::bytes_of(values), shape);
}

ODT_INLINE tensor module_builder::integer(element_type type, std::uint64_t value) { return fill(type, str(value), {}); }

ODT_INLINE tensor module_builder::iota(extents shape, int axis, element_type type) {
  const std::string of = detail::type_of(type, shape);
  return add(type, std::move(shape), str("stablehlo.iota dim = ", axis, " : ", of));
}

ODT_INLINE tensor module_builder::unary(std::string_view operation, const tensor& x) {
  return add(x.type, x.shape, str("stablehlo.", operation, " ", x.name, " : ", detail::type_of(x)));
}

ODT_INLINE std::pair<tensor, tensor> module_builder::together(const tensor& a, const tensor& b) {
  if (a.shape == b.shape) return {a, b};
  if (a.shape.empty()) return {broadcast(a, b.shape), b};
  if (b.shape.empty()) return {a, broadcast(b, a.shape)};
  extents shape = a.shape;
  for (std::size_t i = 0; i < shape.size() && i < b.shape.size(); ++i) shape[i] = std::max(shape[i], b.shape[i]);
  return {broadcast(a, shape), broadcast(b, shape)};
}

ODT_INLINE tensor module_builder::binary(std::string_view operation, const tensor& a, const tensor& b) {
  const auto [left, right] = together(a, b);
  return add(left.type, left.shape,
             str("stablehlo.", operation, " ", left.name, ", ", right.name, " : ", detail::type_of(left)));
}

ODT_INLINE tensor module_builder::compare(std::string_view direction, const tensor& a, const tensor& b) {
  const auto [left, right] = together(a, b);
  const std::string_view kind = left.type == element_type::f32   ? "FLOAT"
                                : left.type == element_type::i32 ? "SIGNED"
                                                                 : "UNSIGNED";
  return add(
      element_type::boolean, left.shape,
      str("stablehlo.compare ", direction, ", ", left.name, ", ", right.name, ", ", kind, " : (", detail::type_of(left),
          ", ", detail::type_of(right), ") -> ", detail::type_of(element_type::boolean, left.shape)));
}

ODT_INLINE tensor module_builder::select(const tensor& condition, const tensor& yes, const tensor& no) {
  auto [left, right] = together(yes, no);
  const auto [when, first] = together(condition, left);
  right = broadcast(right, when.shape);
  return add(first.type, first.shape,
             str("stablehlo.select ", when.name, ", ", first.name, ", ", right.name, " : ", detail::type_of(when), ", ",
                 detail::type_of(first)));
}

ODT_INLINE tensor module_builder::convert(const tensor& x, element_type type) {
  if (x.type == type) return x;
  return add(type, x.shape,
             str("stablehlo.convert ", x.name, " : (", detail::type_of(x), ") -> ", detail::type_of(type, x.shape)));
}

ODT_INLINE tensor module_builder::is_finite(const tensor& x) {
  return convert(add(element_type::boolean, x.shape,
                     str("stablehlo.is_finite ", x.name, " : (", detail::type_of(x), ") -> ",
                         detail::type_of(element_type::boolean, x.shape))),
                 element_type::f32);
}

ODT_INLINE tensor module_builder::reshape(const tensor& x, extents shape) {
  if (x.shape == shape) return x;
  const std::string to = detail::type_of(x.type, shape);
  return add(x.type, std::move(shape), str("stablehlo.reshape ", x.name, " : (", detail::type_of(x), ") -> ", to));
}

ODT_INLINE tensor module_builder::broadcast(const tensor& x, const extents& shape) {
  if (x.shape == shape) return x;
  if (!x.shape.empty() && x.shape.size() != shape.size())
    fail("StableHLO: ", detail::type_of(x), " and ", detail::type_of(x.type, shape), " do not go together");
  for (std::size_t i = 0; i < x.shape.size(); ++i)
    if (x.shape[i] != shape[i] && x.shape[i] != 1)
      fail("StableHLO: ", detail::type_of(x), " and ", detail::type_of(x.type, shape), " do not go together");
  std::vector<std::size_t> axes(x.shape.size());
  for (std::size_t i = 0; i < axes.size(); ++i) axes[i] = i;
  return add(x.type, shape,
             str("stablehlo.broadcast_in_dim ", x.name, ", dims = [", detail::listed(axes), "] : (", detail::type_of(x),
                 ") -> ", detail::type_of(x.type, shape)));
}

ODT_INLINE tensor module_builder::transpose(const tensor& x, const std::vector<int>& order) {
  extents shape;
  for (const int axis : order) shape.push_back(x.shape[static_cast<std::size_t>(axis)]);
  const std::string to = detail::type_of(x.type, shape);
  return add(x.type, std::move(shape),
             str("stablehlo.transpose ", x.name, ", dims = [", detail::listed(order), "] : (", detail::type_of(x),
                 ") -> ", to));
}

ODT_INLINE tensor module_builder::reverse(const tensor& x, const std::vector<int>& axes) {
  return add(x.type, x.shape,
             str("stablehlo.reverse ", x.name, ", dims = [", detail::listed(axes), "] : ", detail::type_of(x)));
}

ODT_INLINE tensor module_builder::slice(const tensor& x, const extents& begin, const extents& end) {
  extents shape;
  std::string ranges;
  for (std::size_t i = 0; i < begin.size(); ++i) {
    shape.push_back(end[i] - begin[i]);
    ranges += str(i > 0 ? ", " : "", begin[i], ":", end[i]);
  }
  if (shape == x.shape) return x;
  const std::string to = detail::type_of(x.type, shape);
  return add(x.type, std::move(shape),
             str("stablehlo.slice ", x.name, " [", ranges, "] : (", detail::type_of(x), ") -> ", to));
}

ODT_INLINE tensor module_builder::row(const tensor& x, const tensor& number) {
  const tensor at = convert(number, element_type::i32);
  extents one = x.shape;
  one[0] = 1;
  std::string begin = at.name, types = detail::type_of(at);
  const tensor zero = x.shape.size() > 1 ? integer(element_type::i32, 0) : tensor{};
  for (std::size_t axis = 1; axis < x.shape.size(); ++axis)
    begin += ", " + zero.name, types += ", " + detail::type_of(zero);
  const tensor part = add(x.type, one,
                          str("stablehlo.dynamic_slice ", x.name, ", ", begin, ", sizes = [", detail::listed(one),
                              "] : (", detail::type_of(x), ", ", types, ") -> ", detail::type_of(x.type, one)));
  return reshape(part, extents(one.begin() + 1, one.end()));
}

ODT_INLINE tensor module_builder::gather(const tensor& x, const tensor& numbers, std::span<const std::int64_t> from,
                                         std::span<const std::int64_t> others, std::size_t index_axis, extents shape) {
  const tensor at = convert(numbers, element_type::i32);
  extents sizes = x.shape;
  for (const std::int64_t axis : from) sizes[static_cast<std::size_t>(axis)] = 1;
  const std::string to = detail::type_of(x.type, shape), axes = detail::listed(from);
  return add(
      x.type, std::move(shape),
      str("\"stablehlo.gather\"(", x.name, ", ", at.name, ") <{dimension_numbers = #stablehlo.gather<offset_dims = [",
          detail::listed(others), "], collapsed_slice_dims = [", axes, "], start_index_map = [", axes,
          "], index_vector_dim = ", index_axis, ">, slice_sizes = array<i64: ", detail::listed(sizes), ">}> : (",
          detail::type_of(x), ", ", detail::type_of(at), ") -> ", to));
}

ODT_INLINE tensor module_builder::rows(const tensor& x, const tensor& numbers) {
  const auto indexed = numbers.shape.back();
  extents shape(numbers.shape.begin(), numbers.shape.end() - 1);
  const std::size_t own = shape.size();
  std::vector<std::int64_t> from, others;
  for (std::int64_t axis = 0; axis < std::ssize(x.shape); ++axis)
    if (axis < indexed)
      from.push_back(axis);
    else
      others.push_back(std::ssize(shape)), shape.push_back(x.shape[static_cast<std::size_t>(axis)]);
  return gather(x, numbers, from, others, own, std::move(shape));
}

ODT_INLINE tensor module_builder::take(const tensor& x, const tensor& numbers, int axis) {
  extents shape = x.shape;
  shape[static_cast<std::size_t>(axis)] = numbers.shape[0];
  std::vector<std::int64_t> others;
  for (std::int64_t i = 0; i < std::ssize(x.shape); ++i)
    if (i != axis) others.push_back(i);
  const std::int64_t from = axis;
  return gather(x, numbers, {&from, 1}, others, 1, std::move(shape));
}

ODT_INLINE tensor module_builder::pad(const tensor& x, const extents& before, const extents& behind,
                                      const extents& between, float value) {
  const extents interior = between.empty() ? extents(x.shape.size(), 0) : between;
  extents shape;
  for (std::size_t i = 0; i < x.shape.size(); ++i)
    shape.push_back(before[i] + behind[i] + x.shape[i] + (x.shape[i] - 1) * interior[i]);
  if (shape == x.shape && std::ranges::all_of(before, [](auto n) { return n == 0; })) return x;
  const std::string to = detail::type_of(x.type, shape);
  const tensor filling = number(value);
  return add(x.type, std::move(shape),
             str("stablehlo.pad ", x.name, ", ", filling.name, ", low = [", detail::listed(before), "], high = [",
                 detail::listed(behind), "], interior = [", detail::listed(interior), "] : (", detail::type_of(x),
                 ", tensor<f32>) -> ", to));
}

ODT_INLINE tensor module_builder::concatenate(std::span<const tensor> parts, int axis) {
  if (parts.size() == 1) return parts.front();
  extents shape = parts.front().shape;
  std::int64_t& along = shape[static_cast<std::size_t>(axis)];
  along = 0;
  for (const tensor& part : parts) along += part.shape[static_cast<std::size_t>(axis)];
  const detail::tensor_list all(parts);
  const std::string to = detail::type_of(parts.front().type, shape);
  return add(parts.front().type, std::move(shape),
             str("stablehlo.concatenate ", all.names, ", dim = ", axis, " : (", all.types, ") -> ", to));
}

ODT_INLINE tensor module_builder::reduce(std::string_view operation, const tensor& x, const std::vector<int>& axes) {
  extents shape, kept = x.shape;
  for (const int axis : axes) kept[static_cast<std::size_t>(axis)] = 1;
  for (std::size_t i = 0; i < x.shape.size(); ++i)
    if (std::ranges::find(axes, static_cast<int>(i)) == axes.end()) shape.push_back(x.shape[i]);
  const tensor first = number(detail::identity_of(operation));
  const std::string to = detail::type_of(x.type, shape);
  const tensor reduced =
      add(x.type, std::move(shape),
          str("stablehlo.reduce(", x.name, " init: ", first.name, ") applies stablehlo.", operation,
              " across dimensions = [", detail::listed(axes), "] : (", detail::type_of(x), ", tensor<f32>) -> ", to));
  return reshape(reduced, kept);
}

ODT_INLINE tensor module_builder::convolution(const tensor& x, const tensor& weights, const window_move& window,
                                              const convolution_form& form) {
  namespace d = detail;
  extents shape(4);
  const auto result_axis = [&](char letter) -> std::int64_t& { return shape[d::axis_of(form.axes, 2, letter)]; };
  result_axis('b') = x.shape[d::axis_of(form.axes, 0, 'b')] / form.batch_groups;
  result_axis('f') = weights.shape[d::axis_of(form.axes, 1, 'o')];
  for (const char axis : {'0', '1'}) {
    window_move w = window;
    const auto n = static_cast<std::size_t>(axis - '0');
    w.size[n] = weights.shape[d::axis_of(form.axes, 1, axis)];
    result_axis(axis) = d::places(x.shape[d::axis_of(form.axes, 0, axis)], w, n);
  }
  const std::string to = d::type_of(x.type, shape);
  return add(
      x.type, std::move(shape),
      str("stablehlo.convolution(", x.name, ", ", weights.name, ") dim_numbers = ", form.axes, ", window = {stride = [",
          d::listed(window.stride), "], pad = [[", d::listed(window.padding[0]), "], [", d::listed(window.padding[1]),
          "]], lhs_dilate = [", d::listed(window.base_dilation), "], rhs_dilate = [", d::listed(window.window_dilation),
          "]} {batch_group_count = ", form.batch_groups, " : i64, feature_group_count = ", form.feature_groups,
          " : i64, precision_config = [#stablehlo<precision ", precision_, ">, #stablehlo<precision ", precision_,
          ">]} : (", d::type_of(x), ", ", d::type_of(weights), ") -> ", to));
}

ODT_INLINE tensor module_builder::reduce_window(std::string_view operation, const tensor& x,
                                                const window_move& window) {
  const extents shape{x.shape[0], detail::places(x.shape[1], window, 0), detail::places(x.shape[2], window, 1),
                      x.shape[3]};
  const tensor first = number(detail::identity_of(operation));
  return add(x.type, shape,
             str("\"stablehlo.reduce_window\"(", x.name, ", ", first.name, ") <{", detail::attributes_of(window, true),
                 "}> ", detail::fold_of(operation), ") : (", detail::type_of(x), ", tensor<f32>) -> ",
                 detail::type_of(x.type, shape)));
}

ODT_INLINE tensor module_builder::scatter_to_largest(const tensor& x, const tensor& source, const window_move& window) {
  const std::string_view larger = "%c = stablehlo.compare GE, %a, %b, FLOAT : (tensor<f32>, tensor<f32>) -> tensor<i1>";
  return add(x.type, x.shape,
             str("\"stablehlo.select_and_scatter\"(", x.name, ", ", source.name, ", ", number(0).name, ") <{",
                 detail::attributes_of(window, false), "}> ", detail::region_of(larger), ", ",
                 detail::fold_of("add").substr(1), ") : (", detail::type_of(x), ", ", detail::type_of(source),
                 ", tensor<f32>) -> ", detail::type_of(x)));
}

ODT_INLINE std::vector<tensor> module_builder::sort_descending(std::span<const tensor> keys_and_values) {
  const detail::tensor_list all(keys_and_values);
  std::string arguments;
  for (std::size_t i = 0; i < keys_and_values.size(); ++i) {
    const std::string type = detail::type_of(keys_and_values[i].type, {});
    arguments += str(i == 0 ? "" : ", ", "%a", i, ": ", type, ", %b", i, ": ", type);
  }
  const std::string name = str("%", values_++);
  body_ += str("    ", name, ":", keys_and_values.size(), " = \"stablehlo.sort\"(", all.names,
               ") <{dimension = ", keys_and_values[0].shape.size() - 1, " : i64, is_stable = true}> ({\n    ^bb0(",
               arguments,
               "):\n      %c = stablehlo.compare GT, %a0, %b0, FLOAT : (tensor<f32>, tensor<f32>) -> tensor<i1>\n"
               "      stablehlo.return %c : tensor<i1>\n    }) : (",
               all.types, ") -> (", all.types, ")\n");
  std::vector<tensor> sorted(keys_and_values.begin(), keys_and_values.end());
  for (std::size_t i = 0; i < sorted.size(); ++i) sorted[i].name = str(name, "#", i);
  return sorted;
}

ODT_INLINE std::string module_builder::region(const std::function<std::vector<tensor>()>& write) {
  std::string outside = std::exchange(body_, {});
  const std::vector<tensor> returned = write();
  const detail::tensor_list all(returned);
  return str("{\n", std::exchange(body_, std::move(outside)), "    stablehlo.return ", all.names, " : ", all.types,
             "\n    }");
}

ODT_INLINE std::vector<tensor> module_builder::loop(
    std::span<const tensor> state, const std::function<tensor(std::span<const tensor>)>& goes_on,
    const std::function<std::vector<tensor>(std::span<const tensor>)>& step) {
  std::vector<tensor> inside(state.begin(), state.end());
  std::string begin;
  for (std::size_t i = 0; i < inside.size(); ++i) {
    inside[i].name = str("%", values_++);
    begin += str(i == 0 ? "" : ", ", inside[i].name, " = ", state[i].name);
  }
  const std::string condition = region([&] { return std::vector{goes_on(inside)}; });
  const std::string body = region([&] { return step(inside); });
  const std::string name = str("%", values_++);
  body_ += str("    ", name, ":", state.size(), " = stablehlo.while(", begin, ") : ", detail::tensor_list(state).types,
               "\n    cond ", condition, " do ", body, "\n");
  for (std::size_t i = 0; i < inside.size(); ++i) inside[i].name = str(name, "#", i);
  return inside;
}

ODT_INLINE tensor module_builder::sum_over_replicas(const tensor& x) {
  if (replicas_ == 1) return x;
  std::vector<int> all(static_cast<std::size_t>(replicas_));
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = static_cast<int>(i);
  return add(
      x.type, x.shape,
      str("\"stablehlo.all_reduce\"(", x.name, ") <{replica_groups = dense<[[", detail::listed(all), "]]> : tensor<1x",
          replicas_, "xi64>}> ", detail::fold_of("add"), ") : (", detail::type_of(x), ") -> ", detail::type_of(x)));
}

}  // namespace odt::pjrt
