// SPDX-License-Identifier: MIT
#pragma once

#include <odt/cli/cli11.hpp>
#include <odt/cli/command.hpp>
#include <odt/cli/flags.hpp>
#include <odt/cli/unknown_words.hpp>
#include <odt/core/target.hpp>
#include <odt/train/checkpoint_evaluator.hpp>

#include <memory>

namespace odt {

namespace detail::cli {

ODT_INLINE void add_eval(CLI::App& app, program& p) {
  CLI::App* eval = app.add_subcommand("eval", "Evaluate a checkpoint, or every new one of a directory");
  eval->footer("Example: odt eval --checkpoint model --run_once");
  const auto flags = std::make_shared<eval_flags>();
  model_source& source = flags->source;
  eval->add_option("--checkpoint,--checkpoint_dir", source.checkpoint,
                   "a checkpoint's prefix (model/model.ckpt-1000) or a directory")
      ->required();
  eval->add_option("--pipeline_config_path", source.pipeline_config_path,
                   "the pipeline.config; when not given, the one beside the checkpoint");
  eval->add_flag("--run_once", flags->run_once, "evaluate the directory's newest checkpoint and end");
  eval->add_option("--eval_interval", flags->eval_interval,
                   "seconds at least from one evaluation to the next; instead of eval_config.eval_interval_secs")
      ->check(not_negative());
  add_best_flags(*eval, flags->metric, flags->patience, flags->keep_best);
  eval->add_option("--eval_dir", flags->eval_dir, "where summaries go; when not given, eval_0 beside the checkpoint");
  eval->add_option("--output", flags->output, "write all detections to this file in COCO's result format");
  eval->add_option("--hparams_overrides", source.hparams_overrides, "changes to the config: eval_config.batch_size=8");
  eval->add_option("--config_override", source.config_override, "text that is merged into the config");
  eval->add_flag("--eval_training_data", flags->evaluations.training_data, "evaluate on the training data instead");
  eval->add_option("--sample_1_of_n_eval_examples", flags->evaluations.sample_1_of_n_eval_examples,
                   "evaluate on every n-th example only")
      ->check(positive());
  eval->add_option("--sample_1_of_n_eval_on_train_examples", flags->evaluations.sample_1_of_n_eval_on_train_examples,
                   "the same with --eval_training_data")
      ->check(positive())
      ->capture_default_str();
  add_thread_flags(*eval, source.threads, flags->data_threads);
  add_device_flags(*eval, source.device, source.compute);
  add_bad_example_flag(*eval, flags->on_bad_example);
  add_idle_flags(*eval);
  eval->callback([flags, &p] {
    p.action = [flags, &p] {
      if (!flags->metric.empty() && flags->patience == 0 && !flags->keep_best)
        throw CLI::ValidationError("--metric", "tells which checkpoint is best; give --export_best or --patience too");
      flags->hooks = hooks_of(p, flags->keep_best);
      console out;
      evaluate_checkpoints(p.detectors, *flags, out);
      return 0;
    };
  });
}

}  // namespace detail::cli

}  // namespace odt
