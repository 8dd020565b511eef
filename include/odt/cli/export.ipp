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
#include <odt/io/checkpoint_keeper.hpp>
#include <odt/io/file.hpp>
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
  tflite_options tflite;
  std::vector<std::string> photos;
  std::string python = "python3";
  std::string name = "detector";
  std::string compiler = "c++";
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
  if (c.format == export_format::stablehlo)  // its file takes one size alone
    for (check_photo& p : photos) p = resized_photo(p, {shape[1], shape[2]});
  std::erase_if(photos, [&](const check_photo& p) {
    return (shape[1] > 0 && shape[1] != p.pixels.height) || (shape[2] > 0 && shape[2] != p.pixels.width) ||
           shape[0] > 1;
  });
  return photos;
}

/// By the program that the format is for; without a runner where there is none, which `why` tells.
ODT_INLINE check_report compare(const export_command& c, const ready_detector& detector, const pipeline& config,
                                std::span<const check_photo> photos, std::string& why) {
  const std::string& directory = c.how.output_directory;
  check_report report;
  if (c.format == export_format::cpp) {
    report = check_cpp(detector, directory, c.name, photos, c.compiler);
    if (report.runner.empty())
      why = str(c.compiler, " is not there, or does not find odt's headers, or xsimd's: --cxx \"c++ -I DIRECTORY\"");
    return report;
  }
  report =
      check_export(detector, directory, c.format, photos, c.python,
                   find_message(config.root(), "model.faster_rcnn") ? check_tolerance::of_crops() : check_tolerance{});
  if (report.runner.empty())
    why = str(c.python, " has no ", package_of(c.format), ": pip install ", package_of(c.format),
              ", and --python names the one that has it");
  return report;
}

/// Has the program that the export is for run it. What was asked for and cannot be done is an error.
ODT_INLINE void check(const export_command& c, const ready_detector& detector, const pipeline& config,
                      const export_options& how) {
  const std::vector<int> shape =
      c.format == export_format::stablehlo ? stablehlo_input_shape(*detector.model, how.input_shape) : how.input_shape;
  const std::vector<check_photo> photos = photos_to_check(c, config, shape);
  std::string why = photos.empty() ? "there are no photos of its size; --check names some" : "";
  if (c.format == export_format::tflite && !c.tflite.use_regular_nms && c.tflite.max_classes_per_detection > 1)
    why = "with --max_classes_per_detection above 1 boxes have several classes, which odt detect never gives";
  check_report report;
  if (why.empty()) report = compare(c, detector, config, photos, why);
  if (!why.empty() && !c.photos.empty()) fail("--check: the export was written, but not checked: ", why);
  if (!why.empty()) return warn("the export was not checked: ", why);
  if (!report.problems.empty()) fail(how.output_directory, ": ", describe(report));
  std::printf("%s\n", describe(report).c_str());
}

/// Flags that mean nothing to the format.
ODT_INLINE void refuse_other_flags(const export_command& c, const export_options& how) {
  const bool tflite = c.format == export_format::tflite;
  if (c.format == export_format::onnx && how.input != graph_input::image_tensor)
    fail("--input_type ", name_of(how.input), ": ONNX takes image_tensor");
  const bool stablehlo = c.format == export_format::stablehlo;
  if (stablehlo && how.input != graph_input::image_tensor)
    fail("--input_type ", name_of(how.input), ": StableHLO takes image_tensor");
  if (c.format != export_format::onnx && !stablehlo && c.raw) fail("--raw: is for --format onnx and stablehlo");
  if (!tflite && c.tflite != tflite_options{})
    fail("--max_detections, --max_classes_per_detection, --detections_per_class, --use_regular_nms and ",
         "--add_postprocessing_op: are for --format tflite");
  if ((c.raw || !c.tflite.add_postprocessing_op) && !c.photos.empty())
    fail("--check: compares detections, which --raw and --add_postprocessing_op=false leave out");
  const bool others = how.input != graph_input::image_tensor || how.input_shape != export_options{}.input_shape;
  if (tflite && others)
    fail("--input_type and --input_shape: TFLite takes one preprocessed image of the size that the config has");
  const bool cpp = c.format == export_format::cpp;
  if (!cpp && (c.name != export_command{}.name || c.compiler != export_command{}.compiler))
    fail("--name and --cxx: are for --format cpp");
  if (cpp && others) fail("--input_type and --input_shape: C++ takes the bytes of one picture of any size");
}

ODT_INLINE std::vector<std::string> write_export(const export_command& c, const ready_detector& detector,
                                                 const pipeline& config, const export_options& how) {
  switch (c.format) {
    case export_format::onnx:
      return export_onnx(detector, config.text(), how, !c.raw);
    case export_format::tflite:
      return export_tflite(detector, config.text(), how, c.tflite);
    case export_format::stablehlo:
      return export_stablehlo(detector, config.text(), how, !c.raw);
    case export_format::cpp:
      return export_cpp(detector, config.text(), how, c.name);
    case export_format::tensorflow:
      break;
  }
  return export_tensorflow(detector, config.text(), how);
}

ODT_INLINE int run_export(const export_command& c, const program& p) {
  export_options how = c.how;
  how.input_shape = parse_input_shape(c.input_shape);
  refuse_other_flags(c, how);
  model_source source = c.source;
  source.device = "cpu";
  const pipeline config = load_config(source);
  // It chooses as the file will: its own numbers are in the file, what it finds is compared with that.
  if (c.format == export_format::tflite && find_message(config.root(), "model.ssd"))
    source.hparams_overrides += str(source.hparams_overrides.empty() ? "" : ",", rule_of(c.tflite));
  const ready_detector detector = load_detector(p.detectors, source);
  for (const std::string& path : write_export(c, detector, config, how)) std::printf("%s\n", path.c_str());
  if (c.format == export_format::cpp)
    std::printf("compile a program that includes %s.hpp with: c++ %s -I %s -I odt/include program.cpp -pthread\n",
                c.name.c_str(), cpp_flags().c_str(), how.output_directory.c_str());
  if (c.no_check || c.raw || !c.tflite.add_postprocessing_op) return 0;
  check(c, detector, config, how);
  return 0;
}

ODT_INLINE void add_tflite_flags(CLI::App& command, tflite_options& o) {
  const auto number = [&command](const char* flag, int& value, const char* words) {
    command.add_option(flag, value, words)->check(CLI::PositiveNumber)->capture_default_str();
  };
  number("--max_detections", o.max_detections, "TFLite: how many detections it gives");
  number("--max_classes_per_detection", o.max_classes_per_detection, "TFLite: classes of a box");
  number("--detections_per_class", o.detections_per_class, "TFLite: detections of a class, with --use_regular_nms");
  command.add_flag("--use_regular_nms,!--nouse_regular_nms", o.use_regular_nms,
                   "TFLite: boxes compete with those of their class only");
  command.add_flag("--add_postprocessing_op,!--noadd_postprocessing_op", o.add_postprocessing_op,
                   "TFLite: detections are the outputs (the default); --add_postprocessing_op=false: encoded boxes, "
                   "scores and anchors");
}

/// The graph of a detector that has none is left out, which is told.
ODT_INLINE std::string graph_or_none(detector& model) {
  try {
    return inference_graph(model);
  } catch (const error& wrong) {
    info("no graph goes to the event file: ", wrong.what());
    return {};
  }
}

/// A training does not end for an export that fails.
ODT_INLINE void export_best_of(const program& p, const std::string& model_dir) try {
  model_source source;
  source.checkpoint = join_path(model_dir, checkpoint_keeper::options{}.best_directory);
  source.device = "cpu";
  const std::string directory = join_path(model_dir, "export/best");
  export_tensorflow(load_detector(p.detectors, source), load_config(source).text(),
                    {.output_directory = directory, .overwrite = true});
  info("exported it to ", directory);
} catch (const error& wrong) {
  warn("the best checkpoint was not exported: ", wrong.what());
}

ODT_INLINE export_hooks hooks_of(const program& p, bool export_best) {
  export_hooks hooks{.graph = graph_or_none};
  if (export_best) hooks.best = [&p](const std::string& model_dir) { export_best_of(p, model_dir); };
  return hooks;
}

ODT_INLINE void add_export(CLI::App& app, program& p) {
  CLI::App* command =
      app.add_subcommand("export", "Write a trained detector for TensorFlow, ONNX, TFLite, StableHLO or C++");
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
                                                            {"onnx", export_format::onnx},
                                                            {"tflite", export_format::tflite},
                                                            {"stablehlo", export_format::stablehlo},
                                                            {"cpp", export_format::cpp}};
  command
      ->add_option("--format", c.format,
                   "tensorflow: what the API's exporter writes; onnx: model.onnx; tflite: detect.tflite; stablehlo: "
                   "model.mlir; cpp: a header")
      ->transform(CLI::CheckedTransformer(formats, CLI::ignore_case).description(""))
      ->type_name("tensorflow|onnx|tflite|stablehlo|cpp")
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
      ->add_option("--python", c.python,
                   "the interpreter with tensorflow, onnxruntime, tflite_runtime or jax that runs the export for that")
      ->capture_default_str();
  command->add_option("--name", c.name, "C++: of the class, and of the header")->capture_default_str();
  command
      ->add_option("--cxx", c.compiler,
                   "C++: the compiler for that, with what it needs to find odt's headers and xsimd's")
      ->capture_default_str();
  command->add_flag("--no_check", c.no_check, "do not compare")->excludes(photos);
  add_tflite_flags(*command, c.tflite);
  command->add_flag("--raw", c.raw, "ONNX, StableHLO: boxes and scores only, before the best of them are chosen");
  command->add_flag("--overwrite", c.how.overwrite, "replace an export that is there");
  command->callback([state, &p] { p.action = [state, &p] { return run_export(*state, p); }; });
}

}  // namespace detail::cli

}  // namespace odt
