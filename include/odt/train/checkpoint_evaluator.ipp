// SPDX-License-Identifier: MIT
#pragma once

#include <odt/core/human.hpp>
#include <odt/core/log.hpp>
#include <odt/io/checkpoint.hpp>
#include <odt/io/checkpoint_files.hpp>
#include <odt/io/checkpoint_keeper.hpp>
#include <odt/io/file.hpp>
#include <odt/io/same_file.hpp>
#include <odt/train/checkpoint_evaluator.hpp>
#include <odt/train/choose_detector.hpp>
#include <odt/train/describe.hpp>
#include <odt/train/restore.hpp>
#include <odt/train/stop_signal.hpp>

#include <array>
#include <chrono>
#include <filesystem>
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
      choose_detector(types, root)
          .make(root,
                {.threads = flags.source.threads, .device = flags.source.device, .compute = flags.source.compute});
  e.options = read_eval_options(root);
  e.inputs = evaluation_inputs(root, *e.model, {0, 0, flags.data_threads, flags.on_bad_example}, flags.evaluations);
  root.at("train_config").accept();
  root.at("train_input_reader").accept();
  accept_without_effect(root);
  refuse_unread(root);
  if (!flags.output.empty()) refuse_inputs_as_output(e, flags, config);
  for (data_input& input : e.inputs) input.options.records = check_input(input, &out).records;
  e.events.resize(e.inputs.size());
  out.line(str("evaluating ", config.name(), "\n", describe_detector(*e.model, e.options.batch_size, out.columns())));
  return e;
}

ODT_INLINE std::string event_directory(const eval_flags& flags, const std::string& prefix, std::size_t input,
                                       const std::string& name) {
  if (!flags.eval_dir.empty()) return input == 0 ? flags.eval_dir : join_path(flags.eval_dir, name);
  const auto parent = std::filesystem::path(prefix).parent_path().string();
  return join_path(parent.empty() ? "." : parent, name);
}

/// Says once where the classes are not those that the checkpoint was trained with.
ODT_INLINE void compare_labels(evaluator& e, const checkpoint_reader& checkpoint) {
  const label_map trained = read_labels(checkpoint);
  if (trained.empty() || std::exchange(e.told_of_labels, true)) return;
  for (const data_input& input : e.inputs) warn_of_labels(checkpoint.prefix(), trained, input.options.classes);
}

ODT_INLINE void evaluate_one(evaluator& e, const std::string& prefix, const eval_flags& flags, console& out) {
  const checkpoint_reader checkpoint(prefix);
  restore_variables(*e.model, checkpoint, e.options.use_moving_averages);
  out.line(str("checkpoint ", prefix));
  compare_labels(e, checkpoint);
  for (std::size_t i = 0; i < e.inputs.size(); ++i) {
    const evaluation result =
        evaluate_on(*e.model, e.inputs[i], e.options, !flags.output.empty(), [&out](std::int64_t images) {
          if (stop_signal::received() != 0) throw interrupted{};
          if (out.terminal()) out.status(str("evaluating: ", images, " images"));
        });
    if (result.images == 0) fail(join(e.inputs[i].options.input_path, ", "), ": there are no images to evaluate on");
    if (!e.events[i]) e.events[i] = std::make_unique<event_writer>(event_directory(flags, prefix, i, e.inputs[i].name));
    write_summaries(*e.events[i], result);
    e.events[i]->text("checkpoint_path", prefix, result.step);
    e.events[i]->flush();
    out.line(summary_text(result));
    if (!flags.output.empty() && i == 0) {
      write_file(flags.output, coco_results(result.results, e.inputs[i].options.classes));
      out.line(str("detections: ", flags.output));
    }
  }
}

}  // namespace detail::checkpoint_evaluation

ODT_INLINE std::int64_t evaluate_checkpoints(std::span<const detector_type> types, const eval_flags& flags,
                                             console& out) {
  namespace d = detail::checkpoint_evaluation;
  const console_log log(out);
  if (!flags.output.empty() && (flags.output.ends_with('/') || is_directory(flags.output)))
    fail("--output ", flags.output, ": is a directory; name a file, such as ",
         join_path(flags.output, "detections.json"));
  const bool watch = is_directory(flags.source.checkpoint) && !flags.run_once;
  std::string newest;
  if (!watch) newest = checkpoint_prefix(flags.source.checkpoint);  // its absence is told before all else
  d::evaluator e = d::make(types, flags, out);
  const auto close_events = [&e] {
    for (const auto& events : e.events)
      if (events) events->close();
  };
  if (!watch) {
    d::evaluate_one(e, newest, flags, out);
    close_events();
    return 1;
  }
  const stop_signal stop;
  std::int64_t count = 0;
  for (bool waiting = false; stop.received() == 0 && (e.options.max_evals == 0 || count < e.options.max_evals);) {
    const auto found = latest_checkpoint(flags.source.checkpoint);
    if (found && *found != newest) {
      newest = *found;
      try {
        d::evaluate_one(e, newest, flags, out);
        ++count;
      } catch (const interrupted&) {
        out.line("the evaluation is broken off");
      }
      waiting = false;
      continue;
    }
    if (!waiting) out.line(str("waiting for the next checkpoint in ", flags.source.checkpoint, " (Ctrl-C ends)"));
    waiting = true;
    std::this_thread::sleep_for(std::chrono::seconds(1));
  }
  close_events();
  return count;
}

}  // namespace odt
