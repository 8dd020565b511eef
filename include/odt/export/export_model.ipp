// SPDX-License-Identifier: MIT
#pragma once

#include <odt/core/error.hpp>
#include <odt/core/target.hpp>
#include <odt/export/cpp_header.ipp>
#include <odt/export/export_model.hpp>
#include <odt/export/onnx_boxes.ipp>
#include <odt/export/onnx_calls.ipp>
#include <odt/export/onnx_input.ipp>
#include <odt/export/onnx_layers.ipp>
#include <odt/export/saved_model.ipp>
#include <odt/export/stablehlo_boxes.ipp>
#include <odt/export/stablehlo_calls.ipp>
#include <odt/export/tensorflow_boxes.ipp>
#include <odt/export/tensorflow_calls.ipp>
#include <odt/export/tensorflow_input.ipp>
#include <odt/export/tensorflow_layers.ipp>
#include <odt/export/tensorflow_tflite.ipp>
#include <odt/export/tflite_calls.ipp>
#include <odt/export/tflite_file.ipp>
#include <odt/export/tflite_layers.ipp>
#include <odt/io/checkpoint.hpp>
#include <odt/io/file.hpp>
#include <odt/io/file_writer.hpp>
#include <odt/train/run_state.hpp>
#include <odt/version.hpp>

#include <google/protobuf/text_format.h>

#include <algorithm>
#include <charconv>

namespace odt {

ODT_INLINE std::string_view name_of(graph_input input) {
  constexpr std::string_view names[] = {"image_tensor", "float_image_tensor", "encoded_image_string_tensor",
                                        "tf_example"};
  return names[static_cast<std::size_t>(input)];
}

ODT_INLINE std::vector<int> parse_input_shape(std::string_view text) {
  std::vector<int> shape;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    const std::string_view word = text.substr(begin, end - begin);
    int extent = -1;
    if (word != "?" && word != "None") {
      const auto [stop, problem] = std::from_chars(word.data(), word.data() + word.size(), extent);
      if (problem != std::errc{} || stop != word.data() + word.size() || extent == 0 || extent < -1)
        fail("--input_shape ", text, ": \"", word, "\" is no extent; it has to be a number above 0, or -1 for any");
    }
    shape.push_back(extent);
    begin = end + 1;
  }
  if (shape.size() != 4 || shape[3] != 3)
    fail("--input_shape ", text, ": it has to be batch,height,width,3, such as 1,-1,-1,3");
  return shape;
}

namespace detail::tensorflow {

/// Variables as they are, under their names; the classes' names and the config with them.
ODT_INLINE void write_checkpoint(const ready_detector& detector, std::string_view config, const std::string& prefix) {
  auto tensors = detector.model->state();
  std::erase_if(tensors, [](const state_tensor& t) { return !t.model_variable; });
  std::ranges::sort(tensors, {}, &state_tensor::name);
  checkpoint_writer writer(prefix);
  for (const state_tensor& t : tensors)
    writer.add<float>(t.name, std::vector<std::int64_t>(t.shape.begin(), t.shape.end()), t.values);
  writer.add<std::int64_t>("global_step", detector.model->global_step());
  write_run_state(writer, {.config = std::string(config), .labels = detector.labels});
  writer.commit();
}

/// The graph with variables, and how they are saved and restored: model.ckpt.meta.
ODT_INLINE proto::MetaGraphDef variable_graph(const ready_detector& detector, const graph_options& options) {
  graph_options with_variables = options;
  with_variables.frozen = false;
  const auto state = detector.model->state();
  writer written(state, with_variables);
  detector.model->write_inference(written);
  proto::MetaGraphDef meta = meta_graph({});
  add_saver(meta, written.graph(), written.written_variables());
  *meta.mutable_graph_def() = written.definition();
  return meta;
}

}  // namespace detail::tensorflow

namespace detail::exporting {

/// A file's name below the directory, and its bytes.
using export_file = std::pair<std::string, std::string>;

/// Writes all of them or none; returns their paths.
ODT_INLINE std::vector<std::string> write_files(const std::string& directory, std::span<const export_file> files) {
  std::vector<atomic_writer> writers;
  std::vector<atomic_writer*> all;
  std::vector<std::string> paths;
  writers.reserve(files.size());
  for (const auto& [name, bytes] : files) {
    paths.push_back(join_path(directory, name));
    writers.emplace_back(paths.back()).write(bytes);
    all.push_back(&writers.back());
  }
  commit_together(all);
  return paths;
}

ODT_INLINE void refuse_to_replace(const std::string& model, const export_options& options) {
  if (file_exists(model) && !options.overwrite)
    fail(model, ": an export is there already; choose another --output_directory, or say --overwrite");
}

/// A config of somebody's own, or that of a training.
ODT_INLINE void refuse_another_config(std::string_view config, const export_options& options) {
  const std::string path = join_path(options.output_directory, "pipeline.config");
  if (!options.overwrite && file_exists(path) && read_file(path) != config)
    fail(path, ": another config is there; choose another --output_directory, or say --overwrite");
}

}  // namespace detail::exporting

ODT_INLINE std::vector<std::string> export_tensorflow(const ready_detector& detector, std::string_view config,
                                                      const export_options& options) {
  using namespace detail::tensorflow;
  const auto path = [&](std::string_view name) { return join_path(options.output_directory, name); };
  detail::exporting::refuse_to_replace(path("saved_model/saved_model.pb"), options);
  if (!options.overwrite && file_exists(path("checkpoint")))
    fail(path("checkpoint"),
         ": checkpoints are there, whose list would be lost; choose another --output_directory, or ",
         "say --overwrite");
  detail::exporting::refuse_another_config(config, options);
  const graph_options how{.input = options.input, .input_shape = options.input_shape};
  const auto state = detector.model->state();
  writer frozen(state, how);
  detector.model->write_inference(frozen);
  for (const std::string& name : options.additional_outputs) frozen.add_output(name);
  const proto::MetaGraphDef meta = variable_graph(detector, how);

  make_directories(path("saved_model"));
  write_checkpoint(detector, config, path("model.ckpt"));
  std::vector<detail::exporting::export_file> contents{
      {"model.ckpt.meta", meta.SerializeAsString()},
      {"checkpoint", "model_checkpoint_path: \"model.ckpt\"\nall_model_checkpoint_paths: \"model.ckpt\"\n"},
      {"pipeline.config", std::string(config)},
      {"frozen_inference_graph.pb", frozen.definition().SerializeAsString()},
      {"saved_model/saved_model.pb", saved_model_of(frozen)}};
  if (options.write_inference_graph) {
    std::string text;
    google::protobuf::TextFormat::PrintToString(meta.graph_def(), &text);
    contents.emplace_back("inference_graph.pbtxt", std::move(text));
  }
  return detail::exporting::write_files(options.output_directory, contents);
}

ODT_INLINE std::string inference_graph(detector& model) {
  const auto state = model.state();
  detail::tensorflow::writer written(state, {.frozen = false});
  model.write_inference(written);
  return written.definition().SerializeAsString();
}

ODT_INLINE std::vector<std::string> export_onnx(const ready_detector& detector, std::string_view config,
                                                const export_options& options, bool post_process) {
  detail::exporting::refuse_to_replace(join_path(options.output_directory, "model.onnx"), options);
  detail::exporting::refuse_another_config(config, options);
  const auto state = detector.model->state();
  detail::onnx::writer written(state, options.input_shape, post_process);
  detector.model->write_inference(written);
  proto::onnx::ModelProto model;
  model.set_ir_version(8);
  model.set_producer_name("odt");
  model.set_producer_version(ODT_VERSION);
  *model.mutable_graph() = written.definition();
  model.mutable_graph()->set_name("detector");
  auto& set = *model.add_opset_import();
  set.set_domain("");
  set.set_version(detail::onnx::opset);
  const auto names = detector.class_names();
  for (std::size_t i = 0; i < names.size(); ++i) {
    auto& entry = *model.add_metadata_props();
    entry.set_key(str("class_", i + 1));
    entry.set_value(names[i]);
  }
  make_directories(options.output_directory);
  const std::vector<detail::exporting::export_file> files{{"pipeline.config", std::string(config)},
                                                          {"model.onnx", model.SerializeAsString()}};
  return detail::exporting::write_files(options.output_directory, files);
}

ODT_INLINE std::vector<std::string> export_tflite(const ready_detector& detector, std::string_view config,
                                                  const export_options& options, const tflite_options& how) {
  detail::exporting::refuse_to_replace(join_path(options.output_directory, "detect.tflite"), options);
  detail::exporting::refuse_another_config(config, options);
  const auto state = detector.model->state();
  detail::tflite::writer lite(state, how);
  detector.model->write_inference(lite);
  detail::tensorflow::writer graph(state, {.tflite = how});
  detector.model->write_inference(graph);
  std::string text, labels;
  google::protobuf::TextFormat::PrintToString(graph.definition(), &text);
  for (const std::string& name : detector.class_names()) labels += name + '\n';
  const std::vector<detail::exporting::export_file> files{
      {"tflite_graph.pb", graph.definition().SerializeAsString()},
      {"tflite_graph.pbtxt", std::move(text)},
      {"labelmap.txt", std::move(labels)},
      {"pipeline.config", std::string(config)},
      {"detect.tflite", detail::tflite::file_of(lite.graph(), "odt " ODT_VERSION)}};
  make_directories(options.output_directory);
  return detail::exporting::write_files(options.output_directory, files);
}

ODT_INLINE std::vector<int> stablehlo_input_shape(const detector& model, std::vector<int> shape) {
  if (shape[0] < 0) shape[0] = 1;
  if (const auto size = model.resizer().constant_size()) {
    if (shape[1] < 0) shape[1] = size->height;
    if (shape[2] < 0) shape[2] = size->width;
  }
  return shape;
}

ODT_INLINE std::vector<std::string> export_stablehlo(const ready_detector& detector, std::string_view config,
                                                     const export_options& options, bool post_process) {
  detail::exporting::refuse_to_replace(join_path(options.output_directory, "model.mlir"), options);
  detail::exporting::refuse_another_config(config, options);
  const auto state = detector.model->state();
  detail::stablehlo::writer written(state, stablehlo_input_shape(*detector.model, options.input_shape), post_process);
  detector.model->write_inference(written);
  std::string labels;
  for (const std::string& name : detector.class_names()) labels += name + '\n';
  const std::vector<detail::exporting::export_file> files{
      {"labelmap.txt", std::move(labels)}, {"pipeline.config", std::string(config)}, {"model.mlir", written.text()}};
  make_directories(options.output_directory);
  return detail::exporting::write_files(options.output_directory, files);
}

ODT_INLINE std::vector<std::string> export_cpp(const ready_detector& detector, std::string_view config,
                                               const export_options& options, std::string_view name) {
  using namespace detail;
  cpp::require_class_name(name);
  const std::string header = str(name, ".hpp");
  exporting::refuse_to_replace(join_path(options.output_directory, header), options);
  exporting::refuse_another_config(config, options);
  cpp::writer parts;
  detector.model->write_inference(parts);
  const exporting::export_file contents[] = {{header, cpp::header_of(name, detector, parts)},
                                             {header + ".weights", cpp::weights_of(parts, detector.model->state())},
                                             {"pipeline.config", std::string(config)}};
  make_directories(options.output_directory);
  return exporting::write_files(options.output_directory, contents);
}

}  // namespace odt
