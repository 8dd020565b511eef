// SPDX-License-Identifier: MIT
// For other .ipp files of this room: TensorFlow's files around a graph.
#pragma once

#include <odt/core/target.hpp>
#include <odt/export/tensorflow_writer.ipp>

#include <array>
#include <string>
#include <vector>

namespace odt::detail::tensorflow {

ODT_INLINE proto::TensorInfo info_of(const graph_port& port) {
  proto::TensorInfo info;
  info.set_name(port.tensor);
  info.set_dtype(static_cast<int>(port.type));
  fill_shape(*info.mutable_tensor_shape(), port.shape);
  return info;
}

ODT_INLINE proto::MetaGraphDef meta_graph(const proto::GraphDef& graph) {
  proto::MetaGraphDef meta;
  meta.mutable_meta_info_def()->set_tensorflow_version("1.15.0");
  *meta.mutable_graph_def() = graph;
  return meta;
}

/// saved_model.pb of a frozen graph.
ODT_INLINE std::string saved_model_of(const writer& frozen) {
  proto::SavedModel model;
  model.set_saved_model_schema_version(1);
  proto::MetaGraphDef& meta = *model.add_meta_graphs();
  meta = meta_graph(frozen.definition());
  meta.mutable_meta_info_def()->add_tags("serve");
  proto::SignatureDef& signature = (*meta.mutable_signature_def())["serving_default"];
  signature.set_method_name("tensorflow/serving/predict");
  (*signature.mutable_inputs())[frozen.input().name] = info_of(frozen.input());
  for (const graph_port& port : frozen.outputs()) (*signature.mutable_outputs())[port.name] = info_of(port);
  return model.SerializeAsString();
}

/// Adds what saves and restores the variables of a graph, and lists them.
ODT_INLINE void add_saver(proto::MetaGraphDef& meta, graph_builder& graph, const std::vector<std::string>& variables) {
  constexpr auto string_type = element_type::string;
  const auto strings = [&](const char* name, const std::vector<std::string>& values, bool scalar) {
    proto::AttrValue value;
    proto::GraphTensor& t = *value.mutable_tensor();
    t.set_dtype(static_cast<int>(string_type));
    t.mutable_tensor_shape();
    if (!scalar) fill_shape(*t.mutable_tensor_shape(), std::array{static_cast<int>(values.size())});
    for (const std::string& v : values) t.add_string_val(v);
    return graph.add("Const", name, {}, {type_attribute("dtype", string_type), {"value", std::move(value)}});
  };
  proto::AttrValue types;
  for (std::size_t i = 0; i < variables.size(); ++i) types.mutable_list()->add_type(static_cast<int>(float_type));
  graph.enter("save");
  const std::string file = strings("Const", {"model"}, true);
  const std::string names = strings("tensor_names", variables, false);
  const std::string slices = strings("shape_and_slices", std::vector<std::string>(variables.size()), false);
  std::vector<std::string> inputs{file, names, slices};
  inputs.insert(inputs.end(), variables.begin(), variables.end());
  const std::string saved = graph.add("SaveV2", "SaveV2", inputs, {{"dtypes", types}});
  graph.add("Identity", "control_dependency", {file, "^" + saved}, {type_attribute("T", string_type)});
  const std::string restored = graph.add("RestoreV2", "RestoreV2", {file, names, slices}, {{"dtypes", types}});
  std::vector<std::string> assigned;
  for (std::size_t i = 0; i < variables.size(); ++i)
    assigned.push_back(
        "^" + graph.add("Assign", "Assign", {variables[i], str(restored, ":", i)}, {type_attribute("T", float_type)}));
  graph.add("NoOp", "restore_all", assigned);

  proto::SaverDef& saver = *meta.mutable_saver_def();
  saver.set_filename_tensor_name("save/Const:0");
  saver.set_save_tensor_name("save/control_dependency:0");
  saver.set_restore_op_name("save/restore_all");
  saver.set_max_to_keep(5);
  saver.set_version(2);
  auto& listed = *(*meta.mutable_collection_def())["variables"].mutable_bytes_list();
  for (std::size_t i = 0; i < variables.size(); ++i) {
    proto::VariableDef v;
    v.set_variable_name(variables[i] + ":0");
    v.set_initializer_name(assigned[i].substr(1));
    v.set_snapshot_name(variables[i] + "/read:0");
    v.set_initial_value_name(str(restored, ":", i));
    v.set_trainable(true);
    listed.add_value(v.SerializeAsString());
  }
}

}  // namespace odt::detail::tensorflow
