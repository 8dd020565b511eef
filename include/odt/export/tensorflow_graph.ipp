// SPDX-License-Identifier: MIT
// For other .ipp files of this room: a TensorFlow graph under construction: nodes with unique names below scopes,
// constants, loops over images.
#pragma once

#include <odt/core/error.hpp>
#include <odt/core/target.hpp>
#include <odt/core/text.hpp>
#include <odt/io/checkpoint.hpp>

#include <odt/graph.pb.h>

#include <algorithm>
#include <array>
#include <concepts>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace odt::detail::tensorflow {

inline constexpr auto float_type = element_type::float32;
/// Of handles, which only graphs have.
inline constexpr auto resource_type = static_cast<element_type>(20);

/// An attribute of a node.
using graph_attribute = std::pair<std::string, proto::AttrValue>;

/// Fills a shape; -1: any extent.
ODT_INLINE void fill_shape(proto::TensorShape& shape, std::span<const int> extents) {
  for (const int extent : extents) shape.add_dim()->set_size(extent);
}

ODT_INLINE graph_attribute type_attribute(std::string name, element_type type) {
  proto::AttrValue value;
  value.set_type(static_cast<int>(type));
  return {std::move(name), std::move(value)};
}

ODT_INLINE graph_attribute shape_attribute(std::string name, const std::vector<int>& shape) {
  proto::AttrValue value;
  fill_shape(*value.mutable_shape(), shape);
  return {std::move(name), std::move(value)};
}

ODT_INLINE graph_attribute any_shape_attribute(std::string name) {
  proto::AttrValue value;
  value.mutable_shape()->set_unknown_rank(true);
  return {std::move(name), std::move(value)};
}

ODT_INLINE graph_attribute ints_attribute(std::string name, const std::vector<int>& values) {
  proto::AttrValue value;
  for (const int v : values) value.mutable_list()->add_i(v);
  return {std::move(name), std::move(value)};
}

ODT_INLINE graph_attribute string_attribute(std::string name, std::string_view text) {
  proto::AttrValue value;
  value.set_s(std::string(text));
  return {std::move(name), std::move(value)};
}

ODT_INLINE graph_attribute float_attribute(std::string name, float number) {
  proto::AttrValue value;
  value.set_f(number);
  return {std::move(name), std::move(value)};
}

template <std::integral T>
graph_attribute attribute(std::string name, T value) {
  proto::AttrValue result;
  if constexpr (std::same_as<T, bool>)
    result.set_b(value);
  else
    result.set_i(value);
  return {std::move(name), std::move(result)};
}

class graph_builder {
 public:
  using tensor = std::string;  ///< "node" or "node:1"
  /// A tensor with the type of its elements.
  struct typed {
    tensor name;
    element_type type = element_type::float32;
  };

  /// A number, or an int32 scalar.
  struct extent_of {
    extent_of(std::int32_t n) : number(n) {}
    extent_of(std::string t) : tensor(std::move(t)) {}
    std::int32_t number = 0;
    std::string tensor{};
  };

  graph_builder();

  void enter(std::string_view scope) { scope_ = scope; }
  const std::string& scope() const { return scope_; }

  /// A node below the scope whose name is still free: "mul", "mul_1", ...; returns it.
  tensor add(std::string_view op, std::string_view name, std::vector<tensor> inputs,
             std::initializer_list<graph_attribute> attributes = {});
  /// A name below the scope that is still free, without the scope: for nodes that belong to another one.
  tensor free(std::string_view name) const;
  /// The same under exactly that name.
  tensor add_named(std::string_view op, std::string name, std::vector<tensor> inputs,
                   std::span<const graph_attribute> attributes = {});

  tensor constant(std::string_view name, const std::vector<int>& shape, std::span<const float> values);
  tensor constant(std::string_view name, const std::vector<int>& shape, std::span<const std::int32_t> values);
  tensor scalar(std::string_view name, float value) { return constant(name, {}, std::span(&value, 1)); }
  tensor scalar(std::string_view name, std::int32_t value) { return constant(name, {}, std::span(&value, 1)); }
  tensor integers(std::string_view name, const std::vector<std::int32_t>& values) {
    return constant(name, {static_cast<int>(values.size())}, std::span<const std::int32_t>(values));
  }

  /// Extent `axis` of a tensor, an int32 scalar.
  tensor extent(const tensor& of, element_type type, int axis);
  /// The int32 vector of scalars.
  tensor pack(std::string_view name, const std::vector<tensor>& scalars);
  tensor reshape(const tensor& of, const std::vector<extent_of>& extents, element_type type = float_type);
  /// Parts along an axis.
  std::vector<tensor> unstack(const tensor& of, int axis, int count);
  tensor stack(const std::vector<tensor>& parts, int axis);
  tensor concat(const std::vector<tensor>& parts, int axis, element_type type = element_type::float32);
  tensor cast(const tensor& of, element_type from, element_type to) {
    return add("Cast", "Cast", {of}, {type_attribute("SrcT", from), type_attribute("DstT", to)});
  }
  /// An operation on floats whose only attribute is their type.
  tensor compute(std::string_view op, std::string_view name, std::vector<tensor> inputs) {
    return add(op, name, std::move(inputs), {type_attribute("T", float_type)});
  }
  /// [4, 2], as Pad takes them for maps, of what is to be added at the bottom and right; int32 scalars.
  tensor paddings(const tensor& bottom, const tensor& right);
  /// From `first` on, `count` elements of the last of `dimensions` axes.
  tensor slice_last(const tensor& of, int dimensions, int first, int count);

  /// tf.map_fn: applies `body` to the elements along the first axis, one after another. Within it other tensors than
  /// the elements are reached by `from_outside`.
  std::vector<tensor> map(std::string_view name, const std::vector<typed>& over,
                          const std::vector<element_type>& results,
                          const std::function<std::vector<tensor>(const std::vector<tensor>&)>& body);
  tensor from_outside(const tensor& of, element_type type);

  const proto::GraphDef& definition() const { return definition_; }

 private:
  std::string below_scope(std::string_view name) const;
  tensor add_constant(std::string_view name, proto::GraphTensor value);

  proto::GraphDef definition_;
  std::set<std::string, std::less<>> names_;
  std::string scope_;
  std::string frame_;    ///< of the loop that is being written
  std::string control_;  ///< that its constants wait for
};

template <class T>
proto::GraphTensor tensor_of(element_type type, const std::vector<int>& shape, std::span<const T> values) {
  proto::GraphTensor tensor;
  tensor.set_dtype(static_cast<int>(type));
  fill_shape(*tensor.mutable_tensor_shape(), shape);
  tensor.set_tensor_content(std::string(reinterpret_cast<const char*>(values.data()), values.size_bytes()));
  return tensor;
}

ODT_INLINE graph_builder::graph_builder() { definition_.mutable_versions()->set_producer(27); }

ODT_INLINE std::string graph_builder::below_scope(std::string_view name) const {
  return scope_.empty() ? std::string(name) : str(scope_, "/", name);
}

ODT_INLINE std::string graph_builder::free(std::string_view name) const {
  std::string candidate(name);
  for (int i = 1; names_.contains(below_scope(candidate)); ++i) candidate = str(name, "_", i);
  return candidate;
}

ODT_INLINE graph_builder::tensor graph_builder::add(std::string_view op, std::string_view name,
                                                    std::vector<tensor> inputs,
                                                    std::initializer_list<graph_attribute> attributes) {
  return add_named(op, below_scope(free(name)), std::move(inputs), std::span(attributes.begin(), attributes.size()));
}

ODT_INLINE graph_builder::tensor graph_builder::add_named(std::string_view op, std::string name,
                                                          std::vector<tensor> inputs,
                                                          std::span<const graph_attribute> attributes) {
  if (!names_.insert(name).second) fail("the graph has two nodes of the name \"", name, "\"");
  proto::NodeDef& node = *definition_.add_node();
  node.set_name(name);
  node.set_op(std::string(op));
  for (tensor& input : inputs) node.add_input(std::move(input));
  for (const auto& [key, value] : attributes) (*node.mutable_attr())[key] = value;
  return name;
}

ODT_INLINE graph_builder::tensor graph_builder::add_constant(std::string_view name, proto::GraphTensor value) {
  proto::AttrValue attr;
  const auto type = static_cast<element_type>(value.dtype());
  *attr.mutable_tensor() = std::move(value);
  std::vector<tensor> waits_for;
  if (!control_.empty()) waits_for.push_back("^" + control_);
  return add("Const", name, std::move(waits_for), {type_attribute("dtype", type), {"value", std::move(attr)}});
}

ODT_INLINE graph_builder::tensor graph_builder::constant(std::string_view name, const std::vector<int>& shape,
                                                         std::span<const float> values) {
  return add_constant(name, tensor_of(element_type::float32, shape, values));
}

ODT_INLINE graph_builder::tensor graph_builder::constant(std::string_view name, const std::vector<int>& shape,
                                                         std::span<const std::int32_t> values) {
  return add_constant(name, tensor_of(element_type::int32, shape, values));
}

ODT_INLINE graph_builder::tensor graph_builder::extent(const tensor& of, element_type type, int axis) {
  const tensor shape = add("Shape", "Shape", {of}, {type_attribute("T", type)});
  const std::string own = free("strided_slice");
  const tensor from = integers(own + "/stack", {axis}), to = integers(own + "/stack_1", {axis + 1}),
               step = integers(own + "/stack_2", {1});
  return add("StridedSlice", own, {shape, from, to, step},
             {type_attribute("T", element_type::int32), type_attribute("Index", element_type::int32),
              attribute("shrink_axis_mask", 1)});
}

ODT_INLINE graph_builder::tensor graph_builder::pack(std::string_view name, const std::vector<tensor>& scalars) {
  return add("Pack", name, scalars,
             {type_attribute("T", element_type::int32), attribute("N", static_cast<int>(scalars.size()))});
}

ODT_INLINE graph_builder::tensor graph_builder::reshape(const tensor& of, const std::vector<extent_of>& extents,
                                                        element_type type) {
  const std::string own = free("Reshape");
  const std::initializer_list<graph_attribute> types{type_attribute("T", type),
                                                     type_attribute("Tshape", element_type::int32)};
  if (std::ranges::all_of(extents, [](const extent_of& e) { return e.tensor.empty(); })) {
    std::vector<std::int32_t> numbers;
    for (const extent_of& e : extents) numbers.push_back(e.number);
    return add("Reshape", own, {of, integers(own + "/shape", numbers)}, types);
  }
  std::vector<tensor> scalars;
  for (std::size_t i = 0; i < extents.size(); ++i)
    scalars.push_back(extents[i].tensor.empty() ? scalar(str(own, "/shape/", i), extents[i].number)
                                                : extents[i].tensor);
  return add("Reshape", own, {of, pack(own + "/shape", scalars)}, types);
}

ODT_INLINE std::vector<graph_builder::tensor> graph_builder::unstack(const tensor& of, int axis, int count) {
  const tensor node =
      add("Unpack", "unstack", {of},
          {type_attribute("T", element_type::float32), attribute("num", count), attribute("axis", axis)});
  std::vector<tensor> parts{node};
  for (int i = 1; i < count; ++i) parts.push_back(str(node, ":", i));
  return parts;
}

ODT_INLINE graph_builder::tensor graph_builder::stack(const std::vector<tensor>& parts, int axis) {
  return add("Pack", "stack", parts,
             {type_attribute("T", element_type::float32), attribute("N", static_cast<int>(parts.size())),
              attribute("axis", axis)});
}

ODT_INLINE graph_builder::tensor graph_builder::concat(const std::vector<tensor>& parts, int axis, element_type type) {
  if (parts.size() == 1) return parts[0];
  std::vector<tensor> inputs = parts;
  const std::string own = free("concat");
  inputs.push_back(scalar(own + "/axis", axis));
  return add("ConcatV2", own, std::move(inputs),
             {type_attribute("T", type), type_attribute("Tidx", element_type::int32),
              attribute("N", static_cast<int>(parts.size()))});
}

ODT_INLINE graph_builder::tensor graph_builder::paddings(const tensor& bottom, const tensor& right) {
  const tensor zero = scalar("zero", 0);
  const tensor flat = pack("flat", {zero, zero, zero, bottom, zero, right, zero, zero});
  return add("Reshape", "paddings", {flat, integers("paddings/shape", {4, 2})},
             {type_attribute("T", element_type::int32), type_attribute("Tshape", element_type::int32)});
}

ODT_INLINE graph_builder::tensor graph_builder::slice_last(const tensor& of, int dimensions, int first, int count) {
  std::vector<std::int32_t> begin(static_cast<std::size_t>(dimensions), 0), size(begin.size(), -1);
  begin.back() = first;
  size.back() = count;
  const tensor from = integers("Slice/begin", begin), extents = integers("Slice/size", size);
  return add("Slice", "Slice", {of, from, extents},
             {type_attribute("T", element_type::float32), type_attribute("Index", element_type::int32)});
}

}  // namespace odt::detail::tensorflow
