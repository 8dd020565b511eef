// SPDX-License-Identifier: MIT
// Reads the variables that a frozen graph of TensorFlow holds as constants: the Object Detection API's
// frozen_inference_graph.pb, or the graph within a saved_model.pb. A variable is a constant that a node "<its
// name>/read" reads.
#pragma once

#include <odt/core/error.hpp>
#include <odt/core/target.hpp>
#include <odt/io/checkpoint_source.hpp>

#include <odt/graph.pb.h>

#include <google/protobuf/repeated_field.h>

#include <algorithm>
#include <cstring>
#include <limits>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>

namespace odt::detail {

class frozen_graph : public checkpoint_source {
 public:
  explicit frozen_graph(const input_file& file) : path_(file.path()), graph_(parse(file)) {
    std::set<std::string> read;
    for (const proto::NodeDef& node : graph_.node())
      if (node.op() == "Identity" && node.input_size() == 1 && node.name() == node.input(0) + "/read")
        read.insert(node.input(0));
    for (const proto::NodeDef& node : graph_.node())
      if (node.op() == "Const" && read.contains(node.name())) add(node);
    if (tensors_.empty())
      fail(path_, ": holds no variables: it has ", graph_.node_size(),
           " nodes, and none is a constant that a node \"<its name>/read\" reads; a graph that was not frozen leaves "
           "them in a checkpoint, which can be given instead");
    std::ranges::sort(tensors_, {}, &tensor_info::name);
  }

  bool has_values() const override { return true; }

  void read(const tensor_info& tensor, std::span<std::byte> out) const override {
    const proto::GraphTensor& values = *values_.at(tensor.name);
    if (const std::string& content = values.tensor_content(); !content.empty()) {
      if (content.size() != out.size())
        fail(path_, ": \"", tensor.name, "\" is ", describe(tensor), ", ", out.size(), " bytes; it has ",
             content.size());
      return void(std::memcpy(out.data(), content.data(), content.size()));
    }
    switch (tensor.type) {
      case element_type::float32:
        return fill(tensor, values.float_val(), out);
      case element_type::int32:
        return fill(tensor, values.int_val(), out);
      case element_type::int64:
        return fill(tensor, values.int64_val(), out);
      default:
        fail(path_, ": \"", tensor.name, "\", ", describe(tensor), ": values of that type are not read from graphs");
    }
  }

 private:
  proto::GraphDef parse(const input_file& file) const {
    std::string bytes(file.size(), '\0');
    file.read_at(0, bytes);
    proto::SavedModel saved;
    const bool is_saved = bytes.starts_with('\x08');  // its version comes first
    proto::GraphDef graph;
    const bool parsed = bytes.size() <= std::size_t{std::numeric_limits<int>::max()} &&
                        (is_saved ? saved.ParseFromString(bytes) : graph.ParseFromString(bytes));
    if (!parsed)
      fail(path_, ": is no graph of TensorFlow, or is cut short: its ", bytes.size(), " bytes cannot be parsed as a ",
           is_saved ? "SavedModel" : "GraphDef");
    if (!is_saved) return graph;
    if (saved.meta_graphs().empty()) fail(path_, ": this saved model holds no graph");
    return std::move(*saved.mutable_meta_graphs(0)->mutable_graph_def());
  }

  void add(const proto::NodeDef& node) {
    const auto value = node.attr().find("value");
    if (value == node.attr().end() || !value->second.has_tensor())
      fail(path_, ": damaged: the constant \"", node.name(), "\" has no value");
    const proto::GraphTensor& values = value->second.tensor();
    tensor_info tensor{.name = node.name(), .type = static_cast<element_type>(values.dtype())};
    std::uint64_t bytes = element_size(tensor.type);
    for (const auto& extent : values.tensor_shape().dim()) {
      if (extent.size() < 0 || __builtin_mul_overflow(bytes, static_cast<std::uint64_t>(extent.size()), &bytes))
        fail(path_, ": damaged: \"", node.name(), "\" has an extent of ", extent.size());
      tensor.shape.push_back(extent.size());
    }
    tensor.bytes = bytes;
    if (!values_.emplace(node.name(), &values).second)
      fail(path_, ": damaged: there are two nodes \"", node.name(), "\"");
    tensors_.push_back(std::move(tensor));
  }

  /// Fewer values than elements mean that the last one goes on to the end, as in TensorFlow.
  template <class T>
  void fill(const tensor_info& tensor, const google::protobuf::RepeatedField<T>& values,
            std::span<std::byte> out) const {
    const std::size_t count = out.size() / sizeof(T), given = static_cast<std::size_t>(values.size());
    if (given > count || (given == 0 && count > 0))
      fail(path_, ": \"", tensor.name, "\" is ", describe(tensor), ", ", count, " values; it has ", given);
    for (std::size_t i = 0; i < count; ++i)
      std::memcpy(out.data() + i * sizeof(T), &values[static_cast<int>(std::min(i, given - 1))], sizeof(T));
  }

  std::string path_;
  proto::GraphDef graph_;
  std::map<std::string, const proto::GraphTensor*, std::less<>> values_;
};

ODT_INLINE std::shared_ptr<const checkpoint_source> open_frozen_graph(const checkpoint_files& files) {
  return std::make_shared<const frozen_graph>(*files.open(""));
}

}  // namespace odt::detail
