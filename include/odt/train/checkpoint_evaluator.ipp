// SPDX-License-Identifier: MIT
#pragma once

#include <odt/core/human.hpp>
#include <odt/core/log.hpp>
#include <odt/io/checkpoint.hpp>
#include <odt/io/checkpoint_files.hpp>
#include <odt/io/checkpoint_keeper.hpp>
#include <odt/io/file.hpp>
#include <odt/io/file_system.hpp>
#include <odt/io/same_file.hpp>
#include <odt/train/best_metric.hpp>
#include <odt/train/checkpoint_evaluator.hpp>
#include <odt/train/choose_detector.hpp>
#include <odt/train/describe.hpp>
#include <odt/train/evaluation_log.hpp>
#include <odt/train/restore.hpp>
#include <odt/train/stop_signal.hpp>
#include <odt/train/training_log.hpp>

#include <array>
#include <chrono>
#include <memory>
#include <thread>
#include <utility>

namespace odt {

namespace detail::checkpoint_evaluation {

struct evaluator {
  std::unique_ptr<detector> model;
  eval_options options;
  std::vector<data_input> inputs;
  std::vector<std::unique_ptr<event_writer>> events;
  std::string config, graph;  ///< for the event files
  std::unique_ptr<evaluation_log> log;
  std::optional<double> best;  ///< of this run
  bool told_of_labels = false;
};

/// The file of detections never takes the place of what is read.
ODT_INLINE void refuse_inputs_as_output(const evaluator& e, const eval_flags& flags, const pipeline& config) {
  std::vector<std::string> inputs{config.name()};
  for (const settings& reader : config.root().at("eval_input_reader").children)
    if (const settings* labels = reader.find("label_map_path")) inputs.push_back(labels->text);
  for (const data_input& input : e.inputs)
    for (const std::string& file : expand_globs(input.options.input_path)) inputs.push_back(file);
  refuse_to_replace(inputs, std::array{flags.output}, "choose another --output");
}

ODT_INLINE evaluator make(std::span<const detector_type> types, const eval_flags& flags, console& out) {
  const pipeline config = load_config(flags.source);
  const settings& root = config.root();
  check_complete(root, config_use::evaluate);
  evaluator e;
  e.model =
      choose_detector(types, root, flags.source.device)
          .make(root,
                {.threads = flags.source.threads, .device = flags.source.device, .compute = flags.source.compute});
  e.options = read_eval_options(root);
  if (flags.legacy && e.options.metrics_set.empty()) e.options.metrics_set = {"pascal_voc_detection_metrics"};
  e.inputs = evaluation_inputs(root, *e.model, {.threads = flags.data_threads, .on_bad_example = flags.on_bad_example},
                               flags.evaluations);
  root.at("train_config").accept();
  root.at("train_input_reader").accept();
  accept_without_effect(root);
  refuse_unread(root);
  if (!flags.output.empty()) refuse_inputs_as_output(e, flags, config);
  for (data_input& input : e.inputs) input.options.records = check_input(input, &out).records;
  check_metric(flags.metric, e.options, e.inputs.front().options.classes);
  e.events.resize(e.inputs.size());
  e.config = config.text();
  if (flags.hooks.graph) e.graph = flags.hooks.graph(*e.model);
  e.log = flags.legacy ? make_legacy_evaluation_log(out) : make_evaluation_log(out);
  out.line(str("evaluating ", config.name(), "\n", describe_detector(*e.model, e.options.batch_size, out.columns())));
  return e;
}

ODT_INLINE std::string event_directory(const eval_flags& flags, const std::string& prefix, std::size_t input,
                                       const std::string& name) {
  if (!flags.eval_dir.empty()) return input == 0 ? flags.eval_dir : join_path(flags.eval_dir, name);
  return join_path(directory_of(prefix), name);
}

/// Says once where the classes are not those that the checkpoint was trained with.
ODT_INLINE void compare_labels(evaluator& e, const checkpoint_reader& checkpoint) {
  const label_map trained = read_labels(checkpoint);
  if (trained.empty() || std::exchange(e.told_of_labels, true)) return;
  for (const data_input& input : e.inputs) warn_of_labels(checkpoint.prefix(), trained, input.options.classes);
}

/// The training that wrote it may have removed it meanwhile.
ODT_INLINE bool is_there(const std::string& prefix) {
  if (file_exists(prefix + ".index")) return true;
  warn(prefix,
       ": was removed before it could be kept as the best; save less often, so that five checkpoints last longer");
  return false;
}

/// Copies the checkpoint to the best one's place if it is better.
ODT_INLINE bool keep_if_best(const std::string& prefix, const measurement& measured, const eval_flags& flags,
                             console& out) {
  const std::string directory = directory_of(prefix);
  if (!checkpoint_keeper(directory).offer_best(prefix, measured)) return false;
  out.line(str("best so far: ", measured.metric, " = ", significant(measured.value, 4)));
  if (flags.hooks.best) flags.hooks.best(directory);
  return true;
}

ODT_INLINE bool is_better(evaluator& e, const evaluation& result, const std::string& prefix, const eval_flags& flags,
                          console& out) {
  const auto measured = measure(result, flags.metric);
  if (!measured || !measured->says_something()) return false;
  const bool better = flags.keep_best && is_there(prefix) ? keep_if_best(prefix, *measured, flags, out)
                                                          : !e.best || measured->better_than(*e.best);
  if (better) e.best = measured->value;
  return better;
}

/// Evaluates on one input.
ODT_INLINE evaluation evaluate_input(evaluator& e, std::size_t input, const std::string& prefix,
                                     const eval_flags& flags, console& out) {
  const data_input& data = e.inputs[input];
  evaluation result = evaluate_on(*e.model, data, e.options, !flags.output.empty(), [&out](std::int64_t images) {
    if (stop_signal::received() != 0) throw interrupted{};
    if (out.terminal()) out.status(str("evaluating: ", images, " images"));
  });
  if (result.images == 0) fail(join(data.options.input_path, ", "), ": there are no images to evaluate on");
  auto& events = e.events[input];
  if (!events) events = open_events(event_directory(flags, prefix, input, data.name), e.graph, e.config);
  export_pictures(result, e.options, input == 0 ? "" : data.name);
  e.log->end(result, prefix, *events);
  return result;
}

/// Evaluates on all inputs; says whether the checkpoint is better, on the first, than all before.
ODT_INLINE bool evaluate_one(evaluator& e, const std::string& prefix, const eval_flags& flags, console& out) {
  const checkpoint_reader checkpoint(prefix);
  e.log->begin(prefix);
  restore_variables(*e.model, checkpoint, e.options.use_moving_averages);
  compare_labels(e, checkpoint);
  bool better = false;
  for (std::size_t i = 0; i < e.inputs.size(); ++i) {
    const evaluation result = evaluate_input(e, i, prefix, flags, out);
    if (i > 0) continue;
    better = is_better(e, result, prefix, flags, out);
    if (flags.output.empty()) continue;
    write_file(flags.output, coco_results(result.results, e.inputs[i].options.classes));
    out.line(str("detections: ", flags.output));
  }
  return better;
}

/// How long a directory is left alone before it is looked into again: each look costs requests where it is far away.
ODT_INLINE std::chrono::seconds between_looks(const std::string& directory) {
  return std::chrono::seconds(is_remote(directory) ? 10 : 1);
}

/// Whether there is something to evaluate that nothing will follow.
ODT_INLINE bool is_complete(const eval_flags& flags) {
  if (flags.run_once) return true;
  const std::string& path = flags.source.checkpoint;
  return !is_directory(path) && !(flags.comes_later && !file_exists(path) && !file_exists(path + ".index"));
}

/// Evaluates what comes into the directory, the newest each time.
ODT_INLINE std::int64_t watch(evaluator& e, const eval_flags& flags, console& out) {
  using clock = std::chrono::steady_clock;
  const stop_signal stop;
  const std::int64_t most = e.options.ignore_groundtruth ? 1 : e.options.max_evals;
  const std::chrono::duration<double> interval(flags.eval_interval.value_or(e.options.eval_interval_secs));
  patience without_better(flags.patience);
  std::string newest;
  std::int64_t count = 0;
  clock::time_point next = clock::now();
  for (bool waiting = false; stop.received() == 0 && (most == 0 || count < most);) {
    const auto found = latest_checkpoint(flags.source.checkpoint);
    if (found && *found != newest && clock::now() >= next) {
      next = clock::now() + std::chrono::duration_cast<clock::duration>(interval);
      newest = *found;
      try {
        without_better.add(evaluate_one(e, newest, flags, out));
        ++count;
      } catch (const interrupted&) {
        out.line("the evaluation is broken off");
      }
      waiting = false;
      if (without_better.over()) {
        out.line(no_better(flags.metric, flags.patience));
        break;
      }
      continue;
    }
    if (!waiting)
      e.log->wait(flags.source.checkpoint, !found, std::chrono::duration<double>(next - clock::now()).count());
    waiting = true;
    const auto next_look = clock::now() + between_looks(flags.source.checkpoint);
    do std::this_thread::sleep_for(std::chrono::seconds(1));
    while (stop.received() == 0 && clock::now() < next_look);
  }
  return count;
}

}  // namespace detail::checkpoint_evaluation

ODT_INLINE std::int64_t evaluate_checkpoints(std::span<const detector_type> types, const eval_flags& flags,
                                             console& out) {
  namespace d = detail::checkpoint_evaluation;
  const console_log log(out);
  if (!flags.output.empty() && (flags.output.ends_with('/') || is_directory(flags.output)))
    fail("--output ", flags.output, ": is a directory; name a file, such as ",
         join_path(flags.output, "detections.json"));
  const bool once = d::is_complete(flags);
  std::string newest;
  if (once) newest = checkpoint_prefix(flags.source.checkpoint);  // its absence is told before all else
  d::evaluator e = d::make(types, flags, out);
  std::int64_t count = 1;
  if (once)
    d::evaluate_one(e, newest, flags, out);
  else
    count = d::watch(e, flags, out);
  for (const auto& events : e.events)
    if (events) events->close();
  e.log->finish();
  return count;
}

}  // namespace odt
