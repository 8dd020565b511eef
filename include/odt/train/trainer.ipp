// SPDX-License-Identifier: MIT
#pragma once

#include <odt/core/human.hpp>
#include <odt/core/log.hpp>
#include <odt/io/directory_lock.hpp>
#include <odt/io/file.hpp>
#include <odt/train/choose_detector.hpp>
#include <odt/train/describe.hpp>
#include <odt/train/memory_check.hpp>
#include <odt/train/restore.hpp>
#include <odt/train/stop_signal.hpp>
#include <odt/train/trainer.hpp>

#include <algorithm>
#include <memory>
#include <vector>

namespace odt {

namespace detail::training {

/// All that a run is made of.
struct setup {
  pipeline config;
  std::optional<directory_lock> lock;  ///< of the model_dir
  std::optional<checkpoint_reader> resume_from;
  run_state run;
  std::unique_ptr<detector> model;
  train_options options;
  eval_options evaluation;
  std::unique_ptr<loader> data;
  std::vector<evaluation_input> evaluations;
  std::int64_t last_step = 0;
  std::vector<step_shape> steps;  ///< the train step's, then the evaluations'
};

/// The checkpoint to go on from, and the seed that follows from it.
ODT_INLINE void find_start(setup& s, const train_flags& flags) {
  s.run.seed = flags.seed.value_or(0);
  if (!is_directory(flags.model_dir)) return;
  s.lock.emplace(flags.model_dir);
  const std::string best = join_path(flags.model_dir, checkpoint_keeper::options{}.best_directory);
  int files = 0;
  for (const std::string& directory : {flags.model_dir, best})
    files += remove_unfinished(directory) + remove_headless_data(directory);
  if (files > 0)
    info(flags.model_dir, ": removed ", counted(files, "unfinished file"), " of an earlier run that was killed");
  const auto newest = find_checkpoint(flags.model_dir);
  if (!newest) {
    if (const auto state = read_checkpoint_state(flags.model_dir); state && !state->newest.empty())
      fail(
          flags.model_dir, ": its file \"checkpoint\" names ", state->newest,
          ", which is neither there nor in this folder. Put the checkpoint back; or to begin anew, remove that file or "
          "choose another --model_dir");
    return;
  }
  if (!newest->remark.empty()) warn(newest->remark);
  s.resume_from.emplace(newest->prefix);
  const auto before = read_run_state(*s.resume_from);
  if (!before) return;
  if (flags.seed && *flags.seed != before->seed)
    warn("--seed ", *flags.seed, " is not used: the run in ", flags.model_dir, " goes on with its seed ", before->seed);
  s.run.seed = before->seed;
  s.run.samples_seen = before->samples_seen;
}

ODT_INLINE void tell_ignored(const settings& root) {
  const auto paths = accept_without_effect(root);
  if (!paths.empty()) info("without effect here (samples are indexed and drawn by number): ", join(paths, ", "));
}

/// Where the size of the network's input depends on the image, that of a photo of 3:4 is taken.
ODT_INLINE step_shape shape_of(const loader_options& data, bool trains) {
  return {data.batch_size, data.resizer.outer_size({1536, 2048}), data.max_boxes, trains, data.raw};
}

ODT_INLINE setup prepare(std::span<const detector_type> types, const train_flags& flags) {
  setup s{load_config({flags.pipeline_config_path, flags.hparams_overrides, {}, {}, {}, 0}),
          {},
          {},
          {},
          {},
          {},
          {},
          {},
          {},
          0,
          {}};
  const settings& root = s.config.root();
  check_complete(root, config_use::train);
  s.options = read_train_options(root);
  s.evaluation = read_eval_options(root);
  s.last_step = flags.num_train_steps.value_or(s.options.num_steps);
  find_start(s, flags);
  s.model =
      choose_detector(types, root)
          .make(root, {.seed = s.run.seed, .threads = flags.threads, .device = flags.device, .compute = flags.compute});
  data_options data{s.run.seed, s.run.samples_seen, flags.data_threads, flags.on_bad_example};
  loader_options input = training_input(root, *s.model, data);
  if (flags.evaluate)
    s.evaluations = evaluation_inputs(root, *s.model, data, flags.evaluations);
  else
    root.at("eval_input_reader").accept();
  tell_ignored(root);
  refuse_unread(root);
  s.steps = {shape_of(input, true)};
  for (const evaluation_input& e : s.evaluations) s.steps.push_back(shape_of(e.options, false));
  s.data = std::make_unique<loader>(std::move(input));
  return s;
}

/// A run that goes on is compared with what it was.
ODT_INLINE void check_continuity(const setup& s, const run_state& before) {
  if (before.data_fingerprint != s.data->fingerprint())
    warn(
        "the training data is not what this run began with: it goes on with the data as it is now, which is not "
        "what an uninterrupted run would have done");
  if (before.config.empty()) return;
  const pipeline old = pipeline::parse(before.config, "the checkpoint's pipeline.config");
  for (const std::string& change : config_changes(old.root(), s.config.root()))
    warn("the config has changed since this run began: ", change);
}

ODT_INLINE void restore(setup& s, const train_flags& flags, console& out) {
  if (s.resume_from) {
    const run_state before = resume_checkpoint(*s.model, *s.resume_from, s.run);
    out.line(str("goes on from ", s.resume_from->prefix(), " at step ", s.model->global_step()));
    if (read_run_state(*s.resume_from)) check_continuity(s, before);
  } else if (!s.options.fine_tune_checkpoint.empty()) {
    const auto report =
        fine_tune(*s.model, {s.options.fine_tune_checkpoint,
                             s.options.fine_tune == fine_tune_kind::detection ? "detection" : "classification",
                             s.options.load_all_detection_checkpoint_vars});
    out.line(report.table());
  }
  s.run.data_fingerprint = s.data->fingerprint();
  s.run.config = s.config.text();
  if (!s.lock) s.lock.emplace(flags.model_dir);
  if (!s.resume_from && find_checkpoint(flags.model_dir))
    fail(flags.model_dir, ": another odt has trained here since this one began; the same command goes on from there");
  write_file(join_path(flags.model_dir, "pipeline.config"), s.run.config);
}

ODT_INLINE void introduce(const setup& s, const train_flags& flags, console& out) {
  out.line(str("training ", s.config.name()));
  out.line(describe_detector(*s.model, s.options.batch_size, out.columns()));
  if (const std::string memory = check_memory(*s.model, s.steps); !memory.empty()) out.line(memory);
  out.line(str("  ", counted(static_cast<std::int64_t>(s.data->size()), "training image"), ", seed ", s.run.seed, ", ",
               s.last_step > 0 ? str("up to step ", grouped(s.last_step)) : "without end (num_steps is 0)"));
  out.line(str("  checkpoints and summaries go to ", flags.model_dir, "; watch with: tensorboard --logdir ",
               flags.model_dir));
}

ODT_INLINE std::vector<evaluation_set> evaluation_sets(const setup& s, console& out) {
  std::vector<evaluation_set> sets;
  for (const evaluation_input& input : s.evaluations)
    sets.push_back({input.name, [&s, &input, &out] {
                      return evaluate_on(*s.model, input, s.evaluation, false, [&out](std::int64_t images) {
                        if (stop_signal::received() != 0) throw interrupted{};
                        if (out.terminal()) out.status(str("evaluating: ", images, " images"));
                      });
                    }});
  return sets;
}

ODT_INLINE training_loop_options loop_options(const setup& s, const train_flags& flags) {
  training_loop_options o;
  o.model_dir = flags.model_dir;
  o.last_step = s.last_step;
  o.log_every = flags.log_every;
  o.save_secs = flags.save_checkpoints_secs;
  o.save_steps = flags.save_checkpoints_steps;
  o.eval_secs = flags.eval_interval.value_or(s.evaluation.eval_interval_secs);
  o.eval_steps = flags.eval_every_steps;
  o.keep.every_n_hours = s.options.keep_checkpoint_every_n_hours;
  return o;
}

/// Paths whose values matter to the steps of a run.
ODT_INLINE bool matters(const std::string& path) {
  if (path.starts_with("train_config.fine_tune_checkpoint") || path == "train_config.num_steps" ||
      path == "train_config.keep_checkpoint_every_n_hours")
    return false;
  return path.starts_with("model") || path.starts_with("train_config") || path == "train_input_reader" ||
         path == "train_input_reader.shuffle" || path == "train_input_reader.sample_1_of_n_examples" ||
         path == "train_input_reader.num_epochs";
}

ODT_INLINE void collect_changes(const settings& before, const settings& now, std::vector<std::string>& out) {
  if (before.text != now.text) out.push_back(str(now.path, ": ", now.text, ", was ", before.text));
  const std::size_t common = std::min(before.children.size(), now.children.size());
  if (before.children.size() != now.children.size())
    out.push_back(str(now.path, ": ", now.children.size(), " elements, were ", before.children.size()));
  for (std::size_t i = 0; i < common; ++i) {
    const settings &a = before.children[i], &b = now.children[i];
    if (!matters(b.path)) continue;
    if (a.message && b.message && a.set != b.set)
      out.push_back(str(b.path, b.set ? " is new" : " is gone"));
    else
      collect_changes(a, b, out);
  }
}

}  // namespace detail::training

ODT_INLINE std::vector<std::string> config_changes(const settings& before, const settings& now) {
  std::vector<std::string> changes;
  detail::training::collect_changes(before, now, changes);
  return changes;
}

ODT_INLINE training_outcome train(std::span<const detector_type> types, const train_flags& flags, console& out) {
  namespace d = detail::training;
  const console_log log(out);
  d::setup s = d::prepare(types, flags);
  d::introduce(s, flags, out);
  d::restore(s, flags, out);
  if (s.last_step > 0 && s.model->global_step() >= s.last_step) {
    out.line(str("step ", s.last_step, " is reached already; a larger --num_train_steps goes on"));
    return {s.model->global_step(), 0};
  }
  training_loop loop(
      *s.model, [&s](batch& b) { return s.data->next(b); }, s.run, d::loop_options(s, flags),
      d::evaluation_sets(s, out), out);
  const training_outcome outcome = loop.run();
  for (const std::string& message : s.data->skipped()) warn("left out of the training: ", message);
  out.line(outcome.signal != 0 ? str("stopped at step ", outcome.step, "; the same command goes on from there")
                               : str("trained up to step ", outcome.step));
  return outcome;
}

}  // namespace odt
