// SPDX-License-Identifier: MIT
#pragma once

#include <odt/cli/cli11.hpp>
#include <odt/cli/command.hpp>
#include <odt/core/target.hpp>
#include <odt/export/export_model.hpp>

#include <cstdio>
#include <map>
#include <memory>

namespace odt {

namespace detail::cli {

struct export_command {
  model_source source;
  export_options how;
  std::string input_shape = "-1,-1,-1,3";
};

ODT_INLINE int run_export(const export_command& c, const program& p) {
  export_options how = c.how;
  how.input_shape = parse_input_shape(c.input_shape);
  model_source source = c.source;
  source.device = "cpu";
  const ready_detector detector = load_detector(p.detectors, source);
  for (const std::string& path : export_tensorflow(detector, load_config(source).text(), how))
    std::printf("%s\n", path.c_str());
  return 0;
}

ODT_INLINE void add_export(CLI::App& app, program& p) {
  CLI::App* command = app.add_subcommand("export", "Write a trained detector for TensorFlow");
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
  std::map<std::string, graph_input> inputs;
  for (const graph_input input : {graph_input::image_tensor, graph_input::float_image_tensor,
                                  graph_input::encoded_image_string_tensor, graph_input::tf_example})
    inputs.emplace(name_of(input), input);
  command->add_option("--input_type", c.how.input, "what the graph is given: pixels, files, or tf.Examples")
      ->transform(CLI::CheckedTransformer(inputs))
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
  command->add_flag("--overwrite", c.how.overwrite, "replace an export that is there");
  command->callback([state, &p] { p.action = [state, &p] { return run_export(*state, p); }; });
}

}  // namespace detail::cli

}  // namespace odt
