// SPDX-License-Identifier: MIT
// The API's older programs, legacy/train.py and legacy/eval.py, with their flags, lines, files and tags: for the
// tutorials that use them. What they do is done by the same trainer and evaluator as in train and eval.
#pragma once

#include <odt/cli/cli11.hpp>
#include <odt/cli/command.hpp>
#include <odt/cli/flags.hpp>
#include <odt/core/target.hpp>
#include <odt/io/file.hpp>
#include <odt/io/same_file.hpp>
#include <odt/train/checkpoint_evaluator.hpp>
#include <odt/train/trainer.hpp>

#include <array>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace odt {

namespace detail::cli {

/// A file of its own for each message of a pipeline.config, which the older programs take in place of one.
struct config_part {
  std::string flag, message, file_name, path{};
};

struct legacy_command {
  std::string directory, pipeline_config_path, checkpoint_dir;
  std::vector<config_part> parts;
  bool run_once = false, eval_training_data = false, clone_on_cpu = false;
  int threads = 0, data_threads = 0;
};

/// The config as one file in the program's directory: made of the parts, or copied.
ODT_INLINE std::string config_of(const legacy_command& c) {
  std::string path = join_path(c.directory, "pipeline.config");
  make_directories(c.directory);
  if (!c.pipeline_config_path.empty()) {
    if (!same_file(c.pipeline_config_path, path)) write_file(path, read_file(c.pipeline_config_path));
    return path;
  }
  std::string text;
  for (const config_part& part : c.parts) {
    if (part.path.empty()) throw CLI::RequiredError(str("--pipeline_config_path, or else --", part.flag, ","));
    const std::string content = read_file(part.path);
    if (!same_file(part.path, join_path(c.directory, part.file_name)))
      write_file(join_path(c.directory, part.file_name), content);
    text += str("# ", part.path, "\n", part.message, " {\n", content, "\n}\n");
  }
  write_file(path, text);
  return path;
}

/// A cluster of machines has no meaning here.
ODT_INLINE void refuse_cluster() {
  const char* cluster = std::getenv("TF_CONFIG");
  if (cluster && std::string_view(cluster).find("\"cluster\"") != std::string_view::npos)
    fail("TF_CONFIG names a cluster; unset it, and start this command once with mpirun -n instead of once a machine");
}

ODT_INLINE void add_cluster_flags(CLI::App& app) {
  const auto only = [&app](const char* name, int value, const char* advice) {
    app.add_option_function<int>(
           name,
           [name, value, advice](int given) {
             if (given != value) throw CLI::ValidationError(name, str(given, ": ", advice));
           },
           str("only ", value, ": mpirun starts several processes"))
        ->type_name("INT");
  };
  only("--num_clones", 1,
       "one clone uses all cores or the GPU; leave the flag out, and for several processes start this command with "
       "mpirun -n, or behind odt launch --ranks");
  only("--worker_replicas", 1,
       "leave the flag out, and start this command with mpirun -n instead of once a worker; all take their steps "
       "together");
  only("--ps_tasks", 0, "variables lie in this process, not on parameter servers; leave the flag out");
  only("--task", 0, "there is one task, number 0; leave the flag out");
  app.add_option_function<std::string>(
      "--master",
      [](const std::string& given) {
        if (!given.empty() && given != "local")
          throw CLI::ValidationError("--master",
                                     str(given, ": there is no other process to talk to; leave the flag out"));
      },
      "only empty: it trains in one process");
}

/// Of absl; lines go to stderr in any case, as they do there.
ODT_INLINE void add_logging_flags(CLI::App& app) {
  for (const char* name : {"--logtostderr", "--alsologtostderr"})
    app.add_flag_callback(
        name, [] {}, "lines go to stderr in any case");
  for (const char* name : {"--stderrthreshold", "--v", "--verbosity"})
    app.add_option_function<std::string>(name, [](const std::string&) {})->group("");
}

ODT_INLINE void add_config_flags(CLI::App& app, legacy_command& c) {
  app.add_option("--pipeline_config_path", c.pipeline_config_path,
                 "the pipeline.config; it is copied to the directory");
  for (config_part& part : c.parts)
    app.add_option("--" + part.flag, part.path, str("instead of it: a file with what stands in ", part.message));
  add_thread_flags(app, c.threads, c.data_threads);
}

ODT_INLINE int run_legacy_train(const legacy_command& c, const program& p) {
  refuse_cluster();
  console out(stderr);
  train_flags flags;
  flags.pipeline_config_path = config_of(c);
  flags.model_dir = c.directory;
  flags.threads = c.threads;
  flags.data_threads = c.data_threads;
  if (c.clone_on_cpu) flags.device = "cpu";
  flags.evaluate = false;
  flags.legacy = true;
  flags.hooks = hooks_of(p, false);
  const training_outcome outcome = train_together(p, flags, {}, out);
  return outcome.signal == 0 ? 0 : 128 + outcome.signal;
}

ODT_INLINE int run_legacy_eval(const legacy_command& c, const program& p) {
  console out(stderr);
  eval_flags flags;
  flags.source.pipeline_config_path = config_of(c);
  flags.source.checkpoint = c.checkpoint_dir;
  flags.source.threads = c.threads;
  flags.data_threads = c.data_threads;
  flags.run_once = c.run_once;
  flags.eval_dir = c.directory;
  flags.evaluations.training_data = c.eval_training_data;
  flags.evaluations.sample_1_of_n_eval_on_train_examples = 1;
  flags.legacy = true;
  flags.hooks = hooks_of(p, false);
  if (!c.run_once && !file_exists(c.checkpoint_dir + ".index"))
    make_directories(c.checkpoint_dir);  // the training may begin later
  evaluate_checkpoints(p.detectors, flags, out);
  return 0;
}

ODT_INLINE void add_legacy_train(CLI::App& app, program& p) {
  CLI::App* train =
      app.add_subcommand("legacy-train", "Train as the API's older legacy/train.py does: its flags and lines");
  train->footer("Example: odt legacy-train --logtostderr --train_dir train --pipeline_config_path pipeline.config");
  const auto c = std::make_shared<legacy_command>();
  c->parts = {{"model_config_path", "model", "model.config"},
              {"train_config_path", "train_config", "train.config"},
              {"input_config_path", "train_input_reader", "input.config"}};
  train->add_option("--train_dir", c->directory, "where checkpoints and summaries go; one with a checkpoint goes on")
      ->required();
  add_config_flags(*train, *c);
  train->add_flag("--clone_on_cpu", c->clone_on_cpu, "compute on the CPU, also where there is a GPU");
  add_cluster_flags(*train);
  add_logging_flags(*train);
  train->callback([c, &p] { p.action = [c, &p] { return run_legacy_train(*c, p); }; });
}

ODT_INLINE void add_legacy_eval(CLI::App& app, program& p) {
  CLI::App* eval = app.add_subcommand("legacy-eval",
                                      "Evaluate as the API's older legacy/eval.py does: its flags, lines and metrics");
  eval->footer(
      "Example: odt legacy-eval --logtostderr --checkpoint_dir train --eval_dir eval --pipeline_config_path "
      "pipeline.config");
  const auto c = std::make_shared<legacy_command>();
  c->parts = {{"model_config_path", "model", "model.config"},
              {"eval_config_path", "eval_config", "eval.config"},
              {"input_config_path", "eval_input_reader", "input.config"}};
  eval->add_option("--checkpoint_dir", c->checkpoint_dir,
                   "the checkpoints' directory, such as legacy-train's train_dir")
      ->required();
  eval->add_option("--eval_dir", c->directory, "where summaries go")->required();
  add_config_flags(*eval, *c);
  eval->add_flag("--eval_training_data", c->eval_training_data, "evaluate on the training data instead");
  eval->add_flag("--run_once", c->run_once, "evaluate the newest checkpoint and end; otherwise each that comes");
  add_logging_flags(*eval);
  eval->callback([c, &p] { p.action = [c, &p] { return run_legacy_eval(*c, p); }; });
}

}  // namespace detail::cli

}  // namespace odt
