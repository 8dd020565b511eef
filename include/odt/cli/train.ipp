// SPDX-License-Identifier: MIT
#pragma once

#include <odt/cli/cli11.hpp>
#include <odt/cli/command.hpp>
#include <odt/cli/flags.hpp>
#include <odt/cli/unknown_words.hpp>
#include <odt/core/human.hpp>
#include <odt/core/target.hpp>
#include <odt/distributed/bucket_communicator.hpp>
#include <odt/distributed/world.hpp>
#include <odt/train/checkpoint_evaluator.hpp>
#include <odt/train/trainer.hpp>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <exception>
#include <memory>
#include <thread>

namespace odt {

namespace detail::cli {

struct train_command {
  train_flags flags;
  std::string checkpoint_dir;
  bool export_best = false, run_once = false, no_eval = false, alsologtostderr = false;
  world_options ranks{};
};

ODT_INLINE void add_model_main_flags(CLI::App& app, train_command& c) {
  train_flags& f = c.flags;
  app.add_option("--pipeline_config_path", f.pipeline_config_path, "the pipeline.config")->required();
  app.add_option("--model_dir", f.model_dir, "where checkpoints and summaries go; one with a checkpoint goes on");
  CLI::Option* steps = app.add_option("--num_train_steps", f.num_train_steps,
                                      "steps in all, instead of train_config.num_steps; 0: without end")
                           ->check(not_negative());
  app.add_option("--hparams_overrides", f.hparams_overrides,
                 "changes to the config: learning_rate=0.01,batch_size=8,train_config.gradient_clipping_by_norm=5");
  app.add_option("--config_override", f.config_override,
                 "text that is merged into the config: 'train_config { batch_size: 8 }'");
  CLI::Option* stretch =
      app.add_flag("--stretch_schedule", f.stretch_schedule,
                   "make the learning rate's schedule longer or shorter, so that it ends with the last step");
  app.add_option(
         "--minutes", f.minutes,
         "train so long instead, evaluations and what an interrupted run has used included; the learning rate's "
         "schedule ends with the time, for which the number of steps is estimated anew after each step")
      ->check(between(1e-3, 1e7))
      ->excludes(steps)
      ->excludes(stretch);
  app.add_flag("--eval_training_data", f.evaluations.training_data, "evaluate on the training data instead");
  app.add_option("--sample_1_of_n_eval_examples", f.evaluations.sample_1_of_n_eval_examples,
                 "evaluate on every n-th example only")
      ->check(positive());
  app.add_option("--sample_1_of_n_eval_on_train_examples", f.evaluations.sample_1_of_n_eval_on_train_examples,
                 "the same with --eval_training_data")
      ->check(positive())
      ->capture_default_str();
  add_best_flags(app, f.metric, f.patience, c.export_best);
  app.add_option("--checkpoint_dir", c.checkpoint_dir, "no training: evaluate the checkpoints of this directory");
  app.add_flag("--run_once", c.run_once, "with --checkpoint_dir: only the newest one");
  app.add_flag("--alsologtostderr", c.alsologtostderr, "write all lines to stderr instead of stdout");
}

ODT_INLINE void add_run_flags(CLI::App& app, train_command& c) {
  train_flags& f = c.flags;
  app.add_option("--seed", f.seed, "of a new run (0 when not given); the same seed gives the same bits");
  add_thread_flags(app, f.threads, f.data_threads);
  add_device_flags(app, f.device, f.compute);
  add_bad_example_flag(app, f.on_bad_example);
  app.add_option("--save_checkpoints_secs", f.save_checkpoints_secs, "seconds between checkpoints; 0: not by time")
      ->check(not_negative())
      ->capture_default_str();
  app.add_option("--save_checkpoints_steps", f.save_checkpoints_steps, "besides, a checkpoint every so many steps")
      ->check(not_negative());
  app.add_option("--eval_every_steps", f.eval_every_steps, "save and evaluate every so many steps")
      ->check(not_negative());
  app.add_option("--eval_interval", f.eval_interval,
                 "seconds at least from one evaluation to the next; instead of eval_config.eval_interval_secs")
      ->check(not_negative());
  app.add_flag("--no_eval", c.no_eval, "no evaluation beside the training");
  app.add_option(
         "--shards,--num_shards", f.sharing.shards,
         "parts of a batch, computed each for itself, on an accelerator one a device; with the same number, any "
         "ranks make the same steps")
      ->check(positive());
  app.add_option("--iterations_per_loop", f.iterations_per_loop,
                 "steps that an accelerator takes in one go, whose batches are sent together")
      ->check(positive())
      ->excludes("--minutes")
      ->capture_default_str();
  app.add_option("--accumulate", f.sharing.accumulate, "batches a step, computed one after another")
      ->check(positive())
      ->capture_default_str();
  app.add_flag("--sync_batch_norm", f.sharing.sync_batch_norm,
               "batch norm over the images of all ranks; each computes its part as one shard, and waits at every norm");
  app.add_option("--rank_timeout", c.ranks.timeout,
                 "seconds without a sign of life of another rank, after which all ranks end")
      ->check(between(5, 86400))
      ->capture_default_str();
  app.add_flag("--fast_sums", c.ranks.any_order,
               "on GPUs, let NCCL add up the ranks' gradients in the order that it finds fastest; two runs then differ "
               "in their last bits");
  app.add_option("--log_every", f.log_every, "steps between lines and summaries")
      ->check(positive())
      ->capture_default_str();
}

/// What the ranks cost that backward did not hide; of GPUs, which wait by themselves, nothing.
ODT_INLINE std::string waiting_text(const communicator& ranks, double seconds) {
  const auto* const buckets = dynamic_cast<const bucket_communicator*>(&ranks);
  if (!buckets || buckets->waited() <= 0 || seconds <= 0) return {};
  return str("waited for the gradients of the other ranks ", fixed(100 * buckets->waited() / seconds, 1),
             " % of the time");
}

/// A console of a rank that another one speaks for.
class silent_console {
 public:
  console& out() { return out_; }

 private:
  std::unique_ptr<std::FILE, int (*)(std::FILE*)> nowhere_{std::fopen("/dev/null", "w"), std::fclose};
  console out_{nowhere_.get(), false};
};

ODT_INLINE training_outcome train_together(const program& p, train_flags flags, const world_options& how,
                                           console& out) {
  const std::unique_ptr<world> joined = join_world(how);
  if (!joined) return train(p.detectors, flags, out);
  flags.sharing.ranks = &joined->ranks();
  flags.sharing.one_a_rank = flags.device == "cuda";
  const int rank = joined->ranks().rank();
  if (flags.threads == 0)
    flags.threads = std::max(1, static_cast<int>(std::thread::hardware_concurrency()) / joined->local_ranks());
  try {
    silent_console nowhere;
    const auto begin = std::chrono::steady_clock::now();
    const training_outcome outcome = train(p.detectors, flags, rank == 0 ? out : nowhere.out());
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
    if (const std::string waited = waiting_text(joined->ranks(), seconds.count()); rank == 0 && !waited.empty())
      out.line(waited);
    return outcome;
  } catch (const std::exception& wrong) {
    // The same is mostly wrong for all, and the first rank says it.
    if (rank != 0) std::this_thread::sleep_for(std::chrono::seconds(1));
    std::fprintf(stderr, "odt: error: %s%s\n", rank == 0 ? "" : str("rank ", rank, ": ").c_str(), wrong.what());
    std::fflush(stderr);
    joined->abort(1);
    throw;
  }
}

ODT_INLINE int run_train(const train_command& c, const program& p) {
  console out(c.alsologtostderr ? stderr : stdout);
  if (!c.checkpoint_dir.empty()) {
    eval_flags flags;
    flags.source = {c.flags.pipeline_config_path,
                    c.flags.hparams_overrides,
                    c.flags.config_override,
                    c.checkpoint_dir,
                    {},
                    c.flags.threads,
                    c.flags.compute,
                    c.flags.device};
    flags.run_once = c.run_once;
    flags.comes_later = true;
    flags.eval_dir = c.flags.model_dir.empty() ? "" : c.flags.model_dir + "/eval_0";
    flags.evaluations = c.flags.evaluations;
    flags.data_threads = c.flags.data_threads;
    flags.on_bad_example = c.flags.on_bad_example;
    flags.eval_interval = c.flags.eval_interval;
    flags.metric = c.flags.metric;
    flags.patience = c.flags.patience;
    flags.keep_best = c.export_best;
    flags.hooks = hooks_of(p, c.export_best);
    evaluate_checkpoints(p.detectors, flags, out);
    return 0;
  }
  if (c.flags.model_dir.empty()) throw CLI::RequiredError("--model_dir");
  train_flags flags = c.flags;
  flags.evaluate = !c.no_eval;
  flags.hooks = hooks_of(p, c.export_best);
  const training_outcome outcome = train_together(p, flags, c.ranks, out);
  return outcome.signal == 0 ? 0 : 128 + outcome.signal;
}

ODT_INLINE void add_train(CLI::App& app, program& p) {
  CLI::App* train =
      app.add_subcommand("train", "Train a detector, with evaluation beside it; resumes when it was interrupted");
  train->footer("Example: odt train --pipeline_config_path pipeline.config --model_dir model --num_train_steps 2000");
  const auto command = std::make_shared<train_command>();
  add_model_main_flags(*train, *command);
  add_run_flags(*train, *command);
  add_idle_flags(*train);
  train->callback([command, &p] { p.action = [command, &p] { return run_train(*command, p); }; });
}

}  // namespace detail::cli

}  // namespace odt
