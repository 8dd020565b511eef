// SPDX-License-Identifier: MIT
#pragma once

#include <odt/core/log.hpp>
#include <odt/io/checkpoint_keeper.hpp>
#include <odt/io/file.hpp>
#include <odt/io/same_file.hpp>
#include <odt/train/stop_signal.hpp>
#include <odt/train/trainer.hpp>

#include <algorithm>
#include <memory>
#include <vector>

namespace odt {

namespace detail::training {

/// Classes that changed places would be taught anew under each other's numbers.
ODT_INLINE void check_labels(const training_setup& s, const label_map& before) {
  if (before.empty() || before == s.run.labels) return;
  const auto changes = label_changes(before, s.run.labels);
  if (labels_moved(before, s.run.labels))
    fail(s.resume_from->prefix(), ": the label map is not the one that this run began with: ", join(changes, "; "),
         ". Give it back its label map; or for other classes, choose another --model_dir");
  for (const std::string& change : changes) warn("the label map has changed since this run began: ", change);
}

/// A run that goes on is compared with what it was.
ODT_INLINE void check_continuity(const training_setup& s, const run_state& before) {
  const bool same = before.data_contents != 0 ? before.data_contents == s.data->contents()
                                              : before.data_fingerprint == s.data->fingerprint();
  if (!same)
    warn(
        "the training data is not what this run began with: it goes on with the data as it is now, which is not "
        "what an uninterrupted run would have done");
  if (before.config.empty()) return;
  const pipeline old = pipeline::parse(before.config, "the checkpoint's pipeline.config");
  for (const std::string& change : config_changes(old.root(), s.config.root()))
    warn("the config has changed since this run began: ", change);
}

/// Config and label map lie beside the checkpoints, so that the directory can be moved as it is. A config of the
/// directory that was given is not written over, unless an earlier run wrote it.
ODT_INLINE void save_setup(const training_setup& s, const train_flags& flags) {
  const std::string config = join_path(flags.model_dir, "pipeline.config"),
                    labels = join_path(flags.model_dir, "label_map.pbtxt");
  const bool given = same_file(config, flags.pipeline_config_path);
  const auto before = s.resume_from ? read_run_state(*s.resume_from) : std::nullopt;
  if (!given || (before && before->config == read_file(config)))
    write_file(config, s.run.config);
  else if (pipeline::load(config).text() != s.run.config)
    info(config, " was given and stays as it is; what runs, with all overrides, is in each checkpoint");
  if (!file_exists(labels) || (before && before->labels.text() == read_file(labels)))
    s.run.labels.write(labels);
  else if (!(label_map::read(labels) == s.run.labels))
    warn(labels, " is not the label map of this training, and stays as it is; the checkpoints hold the right one");
}

ODT_INLINE void restore(training_setup& s, const train_flags& flags, console& out) {
  if (s.resume_from) {
    const auto before = read_run_state(*s.resume_from);
    if (before) check_labels(s, before->labels);
    resume_checkpoint(*s.model, *s.resume_from, s.run);
    out.line(str("goes on from ", s.resume_from->prefix(), " at step ", s.model->global_step()));
    if (before) check_continuity(s, *before);
  } else {
    const auto report = fine_tune(s);
    if (report) out.line(report->table());
    check_norms(s, report);
  }
  s.run.data_fingerprint = s.data->fingerprint();
  s.run.data_contents = s.data->contents();
  s.run.config = s.config.text();
  if (s.shares.rank != 0) return;
  if (!s.lock) s.lock.emplace(flags.model_dir);
  if (!s.resume_from && find_checkpoint(flags.model_dir))
    fail(flags.model_dir, ": another odt has trained here since this one began; the same command goes on from there");
  save_setup(s, flags);
}

ODT_INLINE void introduce(const training_setup& s, const train_flags& flags, console& out) {
  out.line(str("training ", s.config.name()));
  out.line(describe(s, out.columns()));
  out.line(str("  checkpoints and summaries go to ", flags.model_dir, "; watch with: tensorboard --logdir ",
               flags.model_dir));
}

/// With other ranks, which would wait, an evaluation is not broken off.
ODT_INLINE evaluation evaluate_set(const training_setup& s, const data_input& input, communicator* ranks,
                                   console& out) {
  const auto progress = [&](std::int64_t images) {
    if (stop_signal::received() != 0 && !ranks) throw interrupted{};
    if (out.terminal()) out.status(str("evaluating: ", images * s.shares.ranks, " images"));
  };
  evaluation result = evaluate_on(*s.model, input, s.evaluation, false, progress, ranks);
  if (s.shares.rank == 0) export_pictures(result, s.evaluation, &input == &s.evaluations.front() ? "" : input.name);
  return result;
}

ODT_INLINE std::vector<evaluation_set> evaluation_sets(const training_setup& s, communicator* ranks, console& out) {
  std::vector<evaluation_set> sets;
  for (const data_input& input : s.evaluations)
    sets.push_back({input.name, [&s, &input, ranks, &out] { return evaluate_set(s, input, ranks, out); }});
  return sets;
}

ODT_INLINE legacy_log_options legacy_options(const settings& root) {
  const settings& train = *root.find("train_config");
  return {.batch_queue_capacity = train.find("batch_queue_capacity")->as<int>(),
          .prefetch_queue_capacity = train.find("prefetch_queue_capacity")->as<int>()};
}

ODT_INLINE training_loop_options loop_options(const training_setup& s, const train_flags& flags) {
  training_loop_options o;
  o.model_dir = flags.model_dir;
  o.last_step = s.last_step;
  o.seconds = s.seconds;
  o.schedule_length = s.schedule_length;
  o.log_every = flags.log_every;
  o.iterations_per_loop = flags.iterations_per_loop;
  if (flags.legacy) o.legacy = legacy_options(s.config.root());
  o.save_secs = flags.save_checkpoints_secs;
  o.save_steps = flags.save_checkpoints_steps;
  o.eval_secs = flags.eval_interval.value_or(s.evaluation.eval_interval_secs);
  o.eval_steps = flags.eval_every_steps;
  o.metric = flags.metric;
  o.patience = flags.patience;
  o.hooks = flags.hooks;
  o.keep.every_n_hours = s.options.keep_checkpoint_every_n_hours;
  o.shares = s.shares;
  o.ranks = flags.sharing.ranks;
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

ODT_INLINE std::string ended_already(const training_setup& s) {
  if (s.seconds > 0 && s.run.seconds >= s.seconds)
    return str(human_duration(s.seconds), " of training are over already; more --minutes go on");
  if (s.last_step > 0 && s.model->global_step() >= s.last_step)
    return str("step ", s.last_step, " is reached already; a larger --num_train_steps goes on");
  return {};
}

ODT_INLINE std::string end_text(const training_outcome& outcome, const train_flags& flags) {
  if (outcome.signal != 0) return str("stopped at step ", outcome.step, "; the same command goes on from there");
  if (outcome.gave_up)
    return str("ended at step ", outcome.step, ": ", no_better(flags.metric, flags.patience), "; ",
               join_path(flags.model_dir, checkpoint_keeper::options{}.best_directory), " has the best");
  return str("trained up to step ", outcome.step);
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
  training_setup s = set_up_training(types, flags, &out);
  d::introduce(s, flags, out);
  start_reading(s);
  d::restore(s, flags, out);
  if (const std::string ended = d::ended_already(s); !ended.empty()) {
    out.line(ended);
    return {.step = s.model->global_step()};
  }
  training_loop loop(
      *s.model, [&s](batch& b) { return s.data->next(b); }, s.run, d::loop_options(s, flags),
      d::evaluation_sets(s, flags.sharing.ranks, out), out);
  const training_outcome outcome = loop.run();
  for (const std::string& message : s.data->skipped()) warn("left out of the training: ", message);
  out.line(d::end_text(outcome, flags));
  return outcome;
}

}  // namespace odt
