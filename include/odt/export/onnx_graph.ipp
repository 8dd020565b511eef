// SPDX-License-Identifier: MIT
// For other .ipp files of this room: an ONNX graph under construction.
#pragma once

#include <odt/core/target.hpp>
#include <odt/core/text.hpp>

#include <odt/onnx.pb.h>

#include <cstdint>
#include <initializer_list>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace odt::detail::onnx {

/// Element types, with ONNX's numbers.
enum class data_type : int { float32 = 1, uint8 = 2, int64 = 7, boolean = 9 };

using attribute = proto::onnx::AttributeProto;

ODT_INLINE attribute int_attribute(std::string name, std::int64_t value) {
  attribute a;
  a.set_name(std::move(name));
  a.set_type(attribute::INT);
  a.set_i(value);
  return a;
}

ODT_INLINE attribute ints_attribute(std::string name, std::initializer_list<std::int64_t> values) {
  attribute a;
  a.set_name(std::move(name));
  a.set_type(attribute::INTS);
  for (const std::int64_t v : values) a.add_ints(v);
  return a;
}

ODT_INLINE attribute float_attribute(std::string name, float value) {
  attribute a;
  a.set_name(std::move(name));
  a.set_type(attribute::FLOAT);
  a.set_f(value);
  return a;
}

ODT_INLINE attribute text_attribute(std::string name, std::string_view text) {
  attribute a;
  a.set_name(std::move(name));
  a.set_type(attribute::STRING);
  a.set_s(std::string(text));
  return a;
}

class graph_builder {
 public:
  using tensor = std::string;

  void enter(std::string_view scope) { scope_ = scope; }

  /// A node below the scope with outputs named after it; returns the first.
  tensor add(std::string_view op, std::vector<tensor> inputs, const std::vector<attribute>& attributes = {},
             int outputs = 1) {
    proto::onnx::NodeProto& node = *graph_.add_node();
    std::string name = free(op);
    node.set_name(name);
    node.set_op_type(std::string(op));
    for (tensor& input : inputs) node.add_input(std::move(input));
    for (int i = 0; i < outputs; ++i) node.add_output(output_of(name, i));
    for (const attribute& a : attributes) *node.add_attribute() = a;
    return name;
  }
  static tensor output_of(const tensor& node, int number) { return number == 0 ? node : str(node, ":", number); }

  tensor floats(std::string_view name, const std::vector<std::int64_t>& shape, std::span<const float> values) {
    return constant(free(name), data_type::float32, shape, std::as_bytes(values));
  }
  tensor number(float value) { return floats("number", {}, std::span(&value, 1)); }
  tensor integers(const std::vector<std::int64_t>& values) {
    return constant(free("integers"), data_type::int64, {static_cast<std::int64_t>(values.size())},
                    std::as_bytes(std::span(values)));
  }
  tensor integer(std::int64_t value) {
    return constant(free("integer"), data_type::int64, {}, std::as_bytes(std::span(&value, 1)));
  }
  /// A constant under exactly that name.
  tensor constant(const std::string& name, data_type type, const std::vector<std::int64_t>& shape,
                  std::span<const std::byte> bytes) {
    names_.insert(name);
    proto::onnx::TensorProto& t = *graph_.add_initializer();
    t.set_name(name);
    t.set_data_type(static_cast<int>(type));
    for (const std::int64_t extent : shape) t.add_dims(extent);
    t.set_raw_data(std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
    return name;
  }

  /// Extents [first, last) of a tensor, as a vector.
  tensor extents(const tensor& of, int first, int last) {
    return add("Shape", {of}, {int_attribute("start", first), int_attribute("end", last)});
  }
  tensor concat(const std::vector<tensor>& parts, int axis) {
    return parts.size() == 1 ? parts[0] : add("Concat", parts, {int_attribute("axis", axis)});
  }
  /// With an extent 0 the one of the input is kept.
  tensor reshape(const tensor& of, const std::vector<std::int64_t>& shape) {
    return add("Reshape", {of, integers(shape)});
  }
  /// The first extents are given by a vector.
  tensor reshape(const tensor& of, const tensor& first, const std::vector<std::int64_t>& rest) {
    return add("Reshape", {of, concat({first, integers(rest)}, 0)});
  }
  tensor cast(const tensor& of, data_type to) { return add("Cast", {of}, {int_attribute("to", static_cast<int>(to))}); }
  tensor slice(const tensor& of, std::int64_t axis, std::int64_t first, std::int64_t count) {
    return add("Slice", {of, integers({first}), integers({first + count}), integers({axis})});
  }
  tensor transpose(const tensor& of, std::initializer_list<std::int64_t> order) {
    return add("Transpose", {of}, {ints_attribute("perm", order)});
  }

  void declare_input(const std::string& name, data_type type, const std::vector<int>& shape) {
    names_.insert(name);
    describe(*graph_.add_input(), name, type, shape);
  }
  /// Gives a tensor another name, by which it is an output.
  void declare_output(const std::string& name, const tensor& of, const std::vector<int>& shape) {
    proto::onnx::NodeProto& node = *graph_.add_node();
    node.set_name(name);
    node.set_op_type("Identity");
    node.add_input(of);
    node.add_output(name);
    names_.insert(name);
    describe(*graph_.add_output(), name, data_type::float32, shape);
  }

  const proto::onnx::GraphProto& definition() const { return graph_; }

 private:
  std::string free(std::string_view name) {
    const std::string base = scope_.empty() ? std::string(name) : str(scope_, "/", name);
    std::string candidate = base;
    for (int i = 1; !names_.insert(candidate).second; ++i) candidate = str(base, "_", i);
    return candidate;
  }

  static void describe(proto::onnx::ValueInfoProto& info, const std::string& name, data_type type,
                       const std::vector<int>& shape) {
    constexpr std::string_view open[] = {"batch", "height", "width", "channels"};
    info.set_name(name);
    auto& t = *info.mutable_type()->mutable_tensor_type();
    t.set_elem_type(static_cast<int>(type));
    for (std::size_t i = 0; i < shape.size(); ++i) {
      auto& dim = *t.mutable_shape()->add_dim();
      if (shape[i] >= 0)
        dim.set_dim_value(shape[i]);
      else
        dim.set_dim_param(i == 1 && shape.size() == 3 ? "rows" : std::string(open[i]));
    }
  }

  proto::onnx::GraphProto graph_;
  std::set<std::string, std::less<>> names_;
  std::string scope_;
};

}  // namespace odt::detail::onnx
