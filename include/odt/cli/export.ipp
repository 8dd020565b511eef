// SPDX-License-Identifier: MIT
#pragma once

#include <odt/cli/cli11.hpp>
#include <odt/cli/command.hpp>
#include <odt/core/error.hpp>
#include <odt/core/log.hpp>
#include <odt/core/target.hpp>
#include <odt/detect/detect_images.hpp>
#include <odt/detectors/axes.hpp>
#include <odt/export/check_export.hpp>
#include <odt/export/export_model.hpp>
#include <odt/io/image_file.hpp>

#include <cstdio>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace odt {

namespace detail::cli {

struct export_command {
  model_source source;
  export_options how;
  std::string input_shape = "-1,-1,-1,3";
  export_format format = export_format::tensorflow;
  bool raw = false;
  std::vector<std::string> photos;
  std::string python = "python3";
  bool no_check = false;
};

/// The photos that an export is tried on: those given, else the first ten that the config evaluates on. Those that the
/// graph's input does not take are left out.
ODT_INLINE std::vector<check_photo> photos_to_check(const export_command& c, const pipeline& config,
                                                    const std::vector<int>& shape) {
  std::vector<check_photo> photos;
  if (c.photos.empty()) photos = evaluation_photos(config.root(), 10);
  if (!c.photos.empty())
    for (const std::string& path : find_images(c.photos)) photos.push_back({path, read_upright(path)});
  std::erase_if(photos, [&](const check_photo& p) {
    return (shape[1] > 0 && shape[1] != p.pixels.height) || (shape[2] > 0 && shape[2] != p.pixels.width) ||
           shape[0] > 1;
  });
  return photos;
}

/// Has the program that the export is for run it. What was asked for and cannot be done is an error.
ODT_INLINE void check(const export_command& c, const ready_detector& detector, const pipeline& config,
                      const export_options& how) {
  const std::vector<check_photo> photos = photos_to_check(c, config, how.input_shape);
  std::string why = photos.empty() ? "there are no photos of its size; --check names some" : "";
  check_report report;
  if (!photos.empty()) {
    report = check_export(
        detector, how.output_directory, c.format, photos, c.python,
        find_message(config.root(), "model.faster_rcnn") ? check_tolerance::of_crops() : check_tolerance{});
    if (report.runner.empty())
      why = str(c.python, " has no ", package_of(c.format), ": pip install ", package_of(c.format),
                ", and --python names the one that has it");
  }
  if (!why.empty() && !c.photos.empty()) fail("--check: the export was written, but not checked: ", why);
  if (!why.empty()) return warn("the export was not checked: ", why);
  if (!report.problems.empty()) fail(how.output_directory, ": ", describe(report));
  std::printf("%s\n", describe(report).c_str());
}

ODT_INLINE int run_export(const export_command& c, const program& p) {
  export_options how = c.how;
  how.input_shape = parse_input_shape(c.input_shape);
  if (c.format == export_format::onnx && how.input != graph_input::image_tensor)
    fail("--input_type ", name_of(how.input), ": ONNX takes image_tensor");
  if (c.format != export_format::onnx && c.raw) fail("--raw: is for --format onnx");
  model_source source = c.source;
  source.device = "cpu";
  const pipeline config = load_config(source);
  const ready_detector detector = load_detector(p.detectors, source);
  const auto paths = c.format == export_format::onnx ? export_onnx(detector, config.text(), how, !c.raw)
                                                     : export_tensorflow(detector, config.text(), how);
  for (const std::string& path : paths) std::printf("%s\n", path.c_str());
  if (!c.no_check && !c.raw) check(c, detector, config, how);
  return 0;
}

ODT_INLINE void add_export(CLI::App& app, program& p) {
  CLI::App* command = app.add_subcommand("export", "Write a trained detector for TensorFlow or ONNX");
  command->footer("Example: odt export --trained_checkpoint_prefix model --output_directory exported");
  const auto state = std::make_shared<export_command>();
  export_command& c = *state;
  command
      ->add_option("--trained_checkpoint_prefix,--checkpoint", c.source.checkpoint,
                   "a checkpoint's prefix or a directory, whose newest it is")
      ->required();
  command->add_option("--pipeline_config_path", c.source.pipeline_config_path,
                      "the pipeline.config; when not given, the one beside the checkpoint");
  command->add_option("--output_directory", c.how.output_directory, "where the files go")->required();
  static const std::map<std::string, export_format> formats{{"tensorflow", export_format::tensorflow},
                                                            {"onnx", export_format::onnx}};
  command->add_option("--format", c.format, "tensorflow: what the API's exporter writes; onnx: model.onnx")
      ->transform(CLI::CheckedTransformer(formats, CLI::ignore_case).description(""))
      ->type_name("tensorflow|onnx")
      ->default_str("tensorflow");
  static const std::map<std::string, graph_input> inputs{
      {"image_tensor", graph_input::image_tensor},
      {"float_image_tensor", graph_input::float_image_tensor},
      {"encoded_image_string_tensor", graph_input::encoded_image_string_tensor},
      {"tf_example", graph_input::tf_example}};
  command->add_option("--input_type", c.how.input, "what TensorFlow's graph is given: pixels, files, or tf.Examples")
      ->transform(CLI::CheckedTransformer(inputs).description(""))
      ->type_name("image_tensor|float_image_tensor|encoded_image_string_tensor|tf_example")
      ->default_str("image_tensor");
  command->add_option("--input_shape", c.input_shape, "batch,height,width,3 of image tensors; -1: any")
      ->capture_default_str();
  command->add_option("--config_override", c.source.config_override, "text that is merged into the config");
  command->add_option("--hparams_overrides", c.source.hparams_overrides, "changes to the config");
  command->add_flag("--write_inference_graph", c.how.write_inference_graph,
                    "also inference_graph.pbtxt, whose variables are no constants");
  command
      ->add_option("--additional_output_tensor_names", c.how.additional_outputs,
                   "operations of the graph that are outputs too, separated by commas")
      ->delimiter(',');
  command->add_option("--label_map_path", c.source.label_map_path, "instead of the config's");
  CLI::Option* const photos =
      command->add_option("--check", c.photos,
                          "photos or directories that the export and odt have to find the same in; when not given, "
                          "the first ten that the config evaluates on");
  command
      ->add_option("--python", c.python, "the interpreter with tensorflow or onnxruntime that runs the export for that")
      ->capture_default_str();
  command->add_flag("--no_check", c.no_check, "do not compare")->excludes(photos);
  command->add_flag("--raw", c.raw, "ONNX: boxes and scores only, before the best of them are chosen");
  command->add_flag("--overwrite", c.how.overwrite, "replace an export that is there");
  command->callback([state, &p] { p.action = [state, &p] { return run_export(*state, p); }; });
}

}  // namespace detail::cli

}  // namespace odt
