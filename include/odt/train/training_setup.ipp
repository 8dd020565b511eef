// SPDX-License-Identifier: MIT
#pragma once

#include <odt/core/human.hpp>
#include <odt/core/log.hpp>
#include <odt/dataset/sample_maker.hpp>
#include <odt/detectors/step_loop.hpp>
#include <odt/io/checkpoint_files.hpp>
#include <odt/io/checkpoint_keeper.hpp>
#include <odt/io/file.hpp>
#include <odt/train/best_metric.hpp>
#include <odt/train/choose_detector.hpp>
#include <odt/train/describe.hpp>
#include <odt/train/memory_check.hpp>
#include <odt/train/norm_averages.hpp>
#include <odt/train/schedule.hpp>
#include <odt/train/training_setup.hpp>

#include <utility>

namespace odt {

namespace detail::training_setting {

/// The config as the run uses it, also as it is saved.
ODT_INLINE pipeline read_config(const train_flags& flags) {
  model_source source;
  source.pipeline_config_path = flags.pipeline_config_path;
  source.hparams_overrides = flags.hparams_overrides;
  source.config_override = flags.config_override;
  pipeline config = load_config(source);
  const auto steps = flags.num_train_steps.value_or(config.root().find("train_config")->get<std::int64_t>("num_steps"));
  check_complete(config.root(), config_use::train);
  if (flags.stretch_schedule)
    if (const std::string changes = stretch_schedule(config, steps); !changes.empty())
      info("--stretch_schedule: ", changes);
  if (flags.num_train_steps) config.apply_hparams(str("train_config.num_steps=", steps));
  if (flags.minutes > 0) return config;
  if (const std::string mismatch = schedule_mismatch(config.root(), steps); !mismatch.empty()) warn(mismatch);
  return config;
}

/// Where the run ends.
ODT_INLINE void find_end(training_setup& s, const train_flags& flags) {
  s.last_step = s.options.num_steps;
  if (flags.minutes <= 0) return;
  s.last_step = 0;
  s.seconds = 60 * flags.minutes;
  s.schedule_length = schedule_length(s.config.root(), "--minutes: ").value_or(0);
}

/// Takes the model_dir, and removes what an earlier run left unfinished.
ODT_INLINE void clean(training_setup& s, const train_flags& flags) {
  s.lock.emplace(flags.model_dir);
  const std::string best = join_path(flags.model_dir, checkpoint_keeper::options{}.best_directory);
  const bool ours = file_exists(join_path(flags.model_dir, "pipeline.config"));  // written before any checkpoint
  int files = 0;
  for (const std::string& directory : {flags.model_dir, best})
    files += remove_unfinished(directory) + (ours ? remove_headless_data(directory) : 0);
  if (files > 0)
    info(flags.model_dir, ": removed ", counted(files, "unfinished file"), " of an earlier run that was killed");
}

ODT_INLINE std::optional<std::string> newest_in(const std::string& model_dir) {
  if (!is_directory(model_dir)) return std::nullopt;
  const auto newest = find_checkpoint(model_dir);
  if (newest && !newest->remark.empty()) warn(newest->remark);
  if (newest) return newest->prefix;
  if (const auto state = read_checkpoint_state(model_dir); state && !state->newest.empty())
    fail(model_dir, ": its file \"checkpoint\" names ", state->newest,
         ", which is neither there nor in this folder. Put the checkpoint back; or to begin anew, remove that file or "
         "choose another --model_dir");
  return std::nullopt;
}

/// The checkpoint that the first rank goes on from, for all.
ODT_INLINE std::optional<std::string> newest_for_all(const training_setup& s, const train_flags& flags) {
  std::optional<std::string> prefix;
  if (s.shares.rank == 0) prefix = newest_in(flags.model_dir);
  if (!flags.sharing.ranks) return prefix;
  const std::string chosen = flags.sharing.ranks->gather(prefix.value_or(""))[0];
  return chosen.empty() ? std::nullopt : std::optional(chosen);
}

/// The checkpoint to go on from, and the seed that follows from it.
ODT_INLINE void find_start(training_setup& s, const train_flags& flags) {
  s.run.seed = flags.seed.value_or(0);
  if (flags.model_dir.empty()) return;
  const bool leads = s.shares.rank == 0;
  if (leads && is_directory(flags.model_dir)) clean(s, flags);
  const std::optional<std::string> prefix = newest_for_all(s, flags);
  if (!prefix) return;
  s.resume_from.emplace(*prefix);
  const auto before = read_run_state(*s.resume_from);
  if (!before) return;
  if (flags.seed && *flags.seed != before->seed)
    warn("--seed ", *flags.seed, " is not used: the run in ", flags.model_dir, " goes on with its seed ", before->seed);
  s.run.seed = before->seed;
  s.run.samples_seen = before->samples_seen;
  s.run.seconds = flags.minutes > 0 ? before->seconds : 0;
  if (before->seconds > 0 && flags.minutes <= 0)
    warn(flags.model_dir, ": this run was one of a given time so far; without --minutes it goes on to a step, and the ",
         "learning rate follows the step");
}

ODT_INLINE void tell_ignored(const settings& root) {
  const auto paths = accept_without_effect(root);
  if (!paths.empty()) info("without effect here (samples are indexed and drawn by number): ", join(paths, ", "));
}

/// What the config says of replicas, where there are some.
ODT_INLINE void answer_replicas(const settings& root, const step_shares& s) {
  if (s.ranks == 1) return;
  const settings& train = *root.find("train_config");
  if (const settings* sync = train.find("sync_replicas"); sync->set && sync->text == "false")
    info(sync->where(), "is false, but all ranks take every step together here, each its part of the batch");
  if (const settings* count = train.find("replicas_to_aggregate"); count->set && count->as<int>() != s.ranks)
    info(count->where(), "is ", count->text, "; a step waits for all ", s.ranks, " ranks here");
}

/// The network's largest input: by the records' own sizes where all say them and no augmentation changes them, else by
/// the resizer, and without one by the sizes that are said.
ODT_INLINE size2 largest_input(const loader_options& data, const label_survey& labels) {
  const bool known = labels.unsized_images == 0 && labels.largest_input.height > 0;
  if (known && !data.augmentations.changes_size()) return labels.largest_input;
  if (const auto largest = data.resizer.largest_size()) return *largest;
  return known ? labels.largest_input : data.resizer.outer_size({1536, 2048});
}

ODT_INLINE step_shape shape_of(const loader_options& data, const label_survey& labels, bool trains) {
  return {data.batch_size, largest_input(data, labels), data.max_boxes, trains, data.raw};
}

/// A label map that contradicts that of the training would make numbers of no meaning.
ODT_INLINE void check_same_labels(const data_input& training, const data_input& evaluation) {
  if (labels_moved(training.options.classes, evaluation.options.classes))
    fail(evaluation.where_labels, "its classes are not those of ", training.where_labels,
         join(label_changes(training.options.classes, evaluation.options.classes), "; "),
         "; give both the label map that belongs to the records");
}

ODT_INLINE void check_fine_tune_checkpoint(const settings& root) {
  const settings& path = root.at("train_config").at("fine_tune_checkpoint");
  if (!path.text.empty()) try {
      checkpoint_prefix(path.text);
    } catch (const error& wrong) {
      fail(path.where(), wrong.what());
    }
}

/// What asks for the best checkpoint needs evaluations that tell which it is.
ODT_INLINE void check_best(const training_setup& s, const train_flags& flags) {
  if (!s.evaluations.empty()) return check_metric(flags.metric, s.evaluation, s.evaluations.front().options.classes);
  if (flags.patience == 0 && !flags.hooks.best && flags.metric.empty()) return;
  fail("--patience, --metric and --export_best need evaluations, and there are none: ",
       flags.evaluate ? "the config has no eval_input_reader" : "leave out --no_eval");
}

/// As in the API, train_config.use_bfloat16 is for TPUs; --precision rules.
ODT_INLINE std::optional<precision> precision_of(const training_setup& s, const train_flags& flags) {
  if (!s.options.use_bfloat16 || flags.compute) return flags.compute;
  if (is_accelerator(flags.device)) return precision::bf16;
  info(s.config.root().at("train_config").at("use_bfloat16").where(),
       "speaks of TPUs alone; --precision bf16 is for this device");
  return std::nullopt;
}

ODT_INLINE std::string end_of(const training_setup& s) {
  if (s.seconds > 0) return str("for ", human_duration(s.seconds));
  return s.last_step > 0 ? str("up to step ", grouped(s.last_step)) : "without end (num_steps is 0)";
}

ODT_INLINE void open_data(training_setup& s, data_input input, const train_flags& flags, console* out) {
  for (const data_input& evaluation : s.evaluations)
    if (!flags.evaluations.training_data) check_same_labels(input, evaluation);
  checked_input training = check_input(input, out);
  s.steps = {shape_of(input.options, training.labels, true)};
  for (data_input& evaluation : s.evaluations) {
    checked_input checked = check_input(evaluation, out);
    s.steps.push_back(shape_of(evaluation.options, checked.labels, false));
    evaluation.options.records = std::move(checked.records);
  }
  s.labels = std::move(training.labels);
  s.run.labels = input.options.classes;
  input.options.records = std::move(training.records);
  s.input = std::move(input.options);
}

}  // namespace detail::training_setting

ODT_INLINE training_setup set_up_training(std::span<const detector_type> types, const train_flags& flags,
                                          console* out) {
  namespace d = detail::training_setting;
  training_setup s{d::read_config(flags)};
  const settings& root = s.config.root();
  s.options = read_train_options(root);
  s.evaluation = read_eval_options(root);
  s.shares = deal_out(root, flags.sharing);
  d::find_end(s, flags);
  d::find_start(s, flags);
  if (!s.resume_from) d::check_fine_tune_checkpoint(root);
  s.model = choose_detector(types, root, flags.device)
                .make(root, {.seed = s.run.seed,
                             .threads = flags.threads,
                             .device = flags.device,
                             .compute = d::precision_of(s, flags),
                             .ranks = flags.sharing.ranks,
                             .shards = s.shares.shards,
                             .sync_batch_norm = s.shares.sync_batch_norm});
  require_step_loop(*s.model, flags.iterations_per_loop);
  const data_options data{s.run.seed, s.run.samples_seen, flags.data_threads, s.shares, flags.on_bad_example};
  data_input input = training_input(root, *s.model, data);
  if (flags.evaluate)
    s.evaluations = evaluation_inputs(root, *s.model, data, flags.evaluations);
  else
    root.at("eval_input_reader").accept();
  d::check_best(s, flags);
  d::answer_replicas(root, s.shares);
  d::tell_ignored(root);
  refuse_unread(root);
  d::open_data(s, std::move(input), flags, out);
  return s;
}

ODT_INLINE void start_reading(training_setup& s) { s.data = std::make_unique<loader>(s.input); }

ODT_INLINE std::optional<restore_report> fine_tune(training_setup& s) {
  if (s.options.fine_tune_checkpoint.empty()) return std::nullopt;
  const bool detection = s.options.fine_tune == fine_tune_kind::detection;
  return fine_tune(*s.model, {s.options.fine_tune_checkpoint, detection ? "detection" : "classification",
                              s.options.load_all_detection_checkpoint_vars});
}

ODT_INLINE void check_norms(const training_setup& s, const std::optional<restore_report>& start) {
  const std::string mismatch = norm_averages_mismatch(*s.model, start ? &*start : nullptr, s.last_step);
  if (!mismatch.empty()) warn(mismatch);
}

ODT_INLINE std::string describe(const training_setup& s, std::size_t columns) {
  std::string text = describe_detector(*s.model, s.shares.batch, columns);
  if (const std::string memory = check_memory(*s.model, s.steps); !memory.empty()) text += memory + "\n";
  if (const std::string shares = describe(s.shares); !shares.empty()) text += str("  ", shares, "\n");
  const auto boxes = static_cast<std::int64_t>(s.labels.usable_objects);
  return text + str("  ", counted(static_cast<std::int64_t>(epoch_size(s.input, *s.input.records)), "training image"),
                    " with ", grouped(boxes), boxes == 1 ? " box" : " boxes", ", seed ", s.run.seed, ", ",
                    detail::training_setting::end_of(s));
}

}  // namespace odt
