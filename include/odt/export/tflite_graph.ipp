// SPDX-License-Identifier: MIT
// For other .ipp files of this room: a TFLite graph under construction: tensors of known shapes, and operations over
// them. Numbers are those of TFLite's schema, version 3.
#pragma once

#include <odt/core/target.hpp>
#include <odt/core/text.hpp>
#include <odt/export/tflite_post_process.ipp>

#include <cstdint>
#include <cstring>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace odt::detail::tflite {

enum class data_type : std::int8_t { float32 = 0, int32 = 2 };
enum class fused_activation : std::int8_t { none, relu, relu_n1_to_1, relu6 };

/// An operation of TFLite, and the table that its options are in (0: it has none).
struct builtin {
  std::int32_t code = 0;
  std::uint8_t table = 0;

  friend auto operator<=>(const builtin&, const builtin&) = default;
};

namespace ops {
inline constexpr builtin add{0, 11}, average_pool{1, 5}, concatenation{2, 10}, convolution{3, 1},
    depthwise_convolution{4, 2}, logistic{14}, max_pool{17, 5}, multiply{18, 21}, relu{19}, relu_n1_to_1{20}, relu6{21},
    reshape{22}, resize_bilinear{23, 15}, softmax{25, 9}, custom{32}, pad{34}, mean{40, 27}, subtract{41, 28},
    divide{42, 29}, maximum{55}, minimum{57}, slice{65}, rsqrt{76}, square{92}, resize_nearest_neighbor{97, 74},
    leaky_relu{98, 75}, hard_swish{117};
}  // namespace ops

/// A field of a table of options.
struct option {
  int field = 0;
  std::variant<bool, std::int8_t, std::int32_t, float> value;

  option(int number, std::variant<bool, std::int8_t, std::int32_t, float> what) : field(number), value(what) {}
  option(int number, fused_activation act) : field(number), value(static_cast<std::int8_t>(act)) {}
};

struct tensor_entry {
  std::string name;
  data_type type = data_type::float32;
  std::vector<int> shape;
  std::string constant{};  ///< the bytes of its values; empty: it is computed
};

struct operation {
  builtin what;
  int version = 1;
  std::vector<int> inputs, outputs;  ///< numbers of tensors
  std::vector<option> options{};
  std::string name{};  ///< of a custom operation
  std::vector<attribute> attributes{};
};

class graph_builder {
 public:
  using tensor = std::string;

  void enter(std::string_view scope) { scope_ = scope; }

  /// An operation with one output, called so below the scope, or where that is taken "name_1", ...; returns the output.
  tensor add(builtin what, std::string_view name, const std::vector<tensor>& inputs, std::vector<int> shape,
             std::vector<option> options = {}, int version = 1) {
    const int output = declare(free(name), data_type::float32, std::move(shape));
    operations_.push_back({what, version, numbers(inputs), {output}, std::move(options)});
    return name_of(output);
  }

  /// An operation that TFLite knows by its name; its outputs are called "name", "name:1", ...
  std::vector<tensor> add_custom(std::string name, const std::vector<tensor>& inputs,
                                 std::vector<std::vector<int>> shapes, std::vector<attribute> attributes) {
    std::vector<int> outputs;
    for (std::vector<int>& shape : shapes)
      outputs.push_back(declare(outputs.empty() ? name : str(name, ":", outputs.size()), data_type::float32, shape));
    std::vector<tensor> made;
    for (const int output : outputs) made.push_back(name_of(output));
    operations_.push_back(
        {ops::custom, 1, numbers(inputs), std::move(outputs), {}, std::move(name), std::move(attributes)});
    return made;
  }

  tensor floats(std::string_view name, std::vector<int> shape, std::span<const float> values) {
    return constant(name, data_type::float32, std::move(shape), std::as_bytes(values));
  }
  tensor number(float value) { return floats("number", {1}, std::span(&value, 1)); }
  tensor integers(std::string_view name, std::vector<int> shape, std::span<const std::int32_t> values) {
    return constant(name, data_type::int32, std::move(shape), std::as_bytes(values));
  }
  tensor integers(std::string_view name, const std::vector<std::int32_t>& values) {
    return integers(name, {static_cast<int>(values.size())}, values);
  }

  tensor reshape(const tensor& of, std::string_view name, const std::vector<int>& shape) {
    return add(ops::reshape, name, {of, integers(str(name, "/shape"), shape)}, shape);
  }
  tensor concat(const std::vector<tensor>& parts, std::string_view name, int axis) {
    if (parts.size() == 1) return parts[0];
    std::vector<int> shape = shape_of(parts[0]);
    int& extent = shape[static_cast<std::size_t>(axis)] = 0;
    for (const tensor& part : parts) extent += shape_of(part)[static_cast<std::size_t>(axis)];
    return add(ops::concatenation, name, parts, shape, {{0, axis}, {1, fused_activation::none}});
  }

  int declare(std::string name, data_type type, std::vector<int> shape) {
    const int number = static_cast<int>(tensors_.size());
    numbers_.emplace(name, number);
    tensors_.push_back({std::move(name), type, std::move(shape)});
    return number;
  }
  void declare_input(const std::string& name, std::vector<int> shape) {
    inputs_.push_back(declare(name, data_type::float32, std::move(shape)));
  }
  void declare_output(const tensor& of) { outputs_.push_back(numbers_.at(of)); }

  /// Gives a tensor another name.
  tensor rename(const tensor& of, const std::string& name) {
    auto entry = numbers_.extract(of);
    entry.key() = name;
    tensors_[static_cast<std::size_t>(entry.mapped())].name = name;
    numbers_.insert(std::move(entry));
    return name;
  }

  const std::vector<int>& shape_of(const tensor& of) const {
    return tensors_[static_cast<std::size_t>(numbers_.at(of))].shape;
  }

  const std::vector<tensor_entry>& tensors() const { return tensors_; }
  const std::vector<operation>& operations() const { return operations_; }
  const std::vector<int>& inputs() const { return inputs_; }
  const std::vector<int>& outputs() const { return outputs_; }

 private:
  std::string free(std::string_view name) const {
    const std::string base = scope_.empty() ? std::string(name) : str(scope_, "/", name);
    std::string candidate = base;
    for (int i = 1; numbers_.contains(candidate); ++i) candidate = str(base, "_", i);
    return candidate;
  }
  const std::string& name_of(int number) const { return tensors_[static_cast<std::size_t>(number)].name; }

  std::vector<int> numbers(const std::vector<tensor>& names) const {
    std::vector<int> result;
    for (const tensor& name : names) result.push_back(numbers_.at(name));
    return result;
  }

  tensor constant(std::string_view name, data_type type, std::vector<int> shape, std::span<const std::byte> bytes) {
    const int number = declare(free(name), type, std::move(shape));
    tensors_.back().constant.assign(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    return name_of(number);
  }

  std::vector<tensor_entry> tensors_;
  std::vector<operation> operations_;
  std::vector<int> inputs_, outputs_;
  std::map<std::string, int, std::less<>> numbers_;  ///< of tensors, by name
  std::string scope_;
};

}  // namespace odt::detail::tflite
