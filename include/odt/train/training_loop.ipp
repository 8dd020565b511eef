// SPDX-License-Identifier: MIT
#pragma once

#include <odt/core/human.hpp>
#include <odt/core/log.hpp>
#include <odt/io/file.hpp>
#include <odt/train/restore.hpp>
#include <odt/train/stop_signal.hpp>
#include <odt/train/training_loop.hpp>

#include <cmath>

namespace odt {

namespace detail::loop {

ODT_INLINE double seconds(std::chrono::steady_clock::duration d) { return std::chrono::duration<double>(d).count(); }

ODT_INLINE void write_step(event_writer& events, const step_report& report, std::int64_t step,
                           double steps_per_second) {
  events.scalar("loss", report.total_loss, step);
  for (const auto& [tag, value] : report.losses) events.scalar(tag, value, step);
  for (const auto& [tag, value] : report.details) events.scalar(tag, value, step);
  events.scalar("learning_rate", report.learning_rate, step);
  events.scalar("global_norm/gradient_norm", report.gradient_norm, step);
  if (steps_per_second > 0) events.scalar("global_step/sec", static_cast<float>(steps_per_second), step);
  events.flush();
}

}  // namespace detail::loop

ODT_INLINE training_loop::training_loop(detector& model, batch_stream data, run_state run, training_loop_options how,
                                        std::vector<evaluation_set> evaluations, console& out)
    : model_(model),
      data_(std::move(data)),
      run_(std::move(run)),
      how_(std::move(how)),
      evaluations_(std::move(evaluations)),
      out_(out),
      keeper_(how_.model_dir, how_.keep),
      events_(how_.model_dir),
      evaluation_events_(evaluations_.size()),
      meter_(how_.last_step) {}

ODT_INLINE training_outcome training_loop::run() {
  const stop_signal stop;
  last_save_ = last_evaluation_ = last_line_ = clock::now();
  saved_step_ = keeper_.checkpoints().empty() ? -1 : model_.global_step();
  while ((how_.last_step == 0 || model_.global_step() < how_.last_step) && step()) {
    if (stop.received() == 0 && (due_to_save() || due_to_evaluate())) save_and_evaluate();
    if (stop.received() != 0) break;
  }
  save();
  if (stop.received() == 0 && evaluated_step_ != model_.global_step()) evaluate();
  events_.close();
  for (const auto& events : evaluation_events_)
    if (events) events->close();
  return {model_.global_step(), stop.received()};
}

/// False when the data is at its end.
ODT_INLINE bool training_loop::step() {
  const auto start = clock::now();
  if (!next_batch()) return false;
  const double waited = detail::loop::seconds(clock::now() - start);
  const std::int64_t number = model_.global_step() + 1;
  if (data_.next()) model_.announce(*data_.next());
  const step_report report = model_.train_step(data_.current());
  if (!report.finite || !std::isfinite(report.total_loss)) fail_not_finite(number, report);
  run_.samples_seen += static_cast<std::uint64_t>(data_.current().size);
  meter_.add(report, data_.current().size, waited, detail::loop::seconds(clock::now() - start));
  tell(report);
  return true;
}

/// Bad data ends the run, but what was trained so far is kept.
ODT_INLINE bool training_loop::next_batch() {
  try {
    return data_.advance();
  } catch (const error&) {
    if (run_.samples_seen > 0) save();
    throw;
  }
}

ODT_INLINE void training_loop::tell(const step_report& report) {
  const std::int64_t step = model_.global_step();
  const double quiet = detail::loop::seconds(clock::now() - last_line_);
  const bool at_step = how_.log_every > 0 && step % how_.log_every == 0;
  if (at_step || first_line_)
    detail::loop::write_step(events_, report, step, first_line_ ? 0 : meter_.steps_per_second());
  if (!at_step && !first_line_ && quiet < (out_.terminal() ? 0.5 : 30)) return;
  const std::string line = meter_.line(step, out_.columns());
  at_step ? out_.line(line) : out_.status(line);
  if (at_step || !out_.terminal()) meter_.reset();
  first_line_ = false;
  last_line_ = clock::now();
}

ODT_INLINE bool training_loop::due_to_save() const {
  return (how_.save_steps > 0 && model_.global_step() % how_.save_steps == 0) ||
         (how_.save_secs > 0 && detail::loop::seconds(clock::now() - last_save_) >= how_.save_secs);
}

ODT_INLINE bool training_loop::due_to_evaluate() const {
  return !evaluations_.empty() && how_.eval_steps > 0 && model_.global_step() % how_.eval_steps == 0;
}

ODT_INLINE void training_loop::save_and_evaluate() {
  save();
  const bool by_time = how_.eval_steps == 0 && detail::loop::seconds(clock::now() - last_evaluation_) >= how_.eval_secs;
  if (due_to_evaluate() || by_time) evaluate();
}

ODT_INLINE void training_loop::save() {
  const std::int64_t step = model_.global_step();
  if (step == saved_step_) return;
  const std::string prefix = keeper_.prefix(step);
  save_checkpoint(model_, run_, prefix);
  keeper_.saved(prefix);
  saved_step_ = step;
  last_save_ = clock::now();
  out_.line(str("saved ", prefix));
}

ODT_INLINE void training_loop::evaluate() {
  try {
    evaluate_all();
  } catch (const interrupted&) {
    out_.line("the evaluation is broken off");
  }
}

ODT_INLINE void training_loop::evaluate_all() {
  for (std::size_t i = 0; i < evaluations_.size(); ++i) {
    const std::string directory = join_path(how_.model_dir, evaluations_[i].directory);
    const evaluation result = evaluations_[i].run();
    if (result.images == 0) {
      warn("there are no images to evaluate on for ", directory);
      continue;
    }
    if (!evaluation_events_[i]) evaluation_events_[i] = std::make_unique<event_writer>(directory);
    write_summaries(*evaluation_events_[i], result);
    out_.line(summary_text(result));
    const auto* headline = result.headline();
    if (i == 0 && headline &&
        keeper_.offer_best(keeper_.prefix(result.step), headline->first, headline->second, result.data))
      out_.line(str("best so far: ", headline->first, " = ", significant(headline->second, 4)));
  }
  evaluated_step_ = model_.global_step();
  last_evaluation_ = clock::now();
}

ODT_INLINE void training_loop::fail_not_finite(std::int64_t number, const step_report& report) {
  std::string parts;
  for (const auto& [tag, value] : report.losses) parts += str(parts.empty() ? "" : ", ", tag, " ", significant(value));
  const std::string layer = model_.first_non_finite_layer(data_.current());
  const auto checkpoints = keeper_.checkpoints();
  fail("step ", number, ": the loss is not finite (", parts,
       ")\n  images of the batch: ", join(data_.current().ids, ", "),
       layer.empty() ? "\n  all layers are finite in a forward run: the loss or the gradient is at fault"
                     : "\n  the first layer whose output is not finite: ",
       layer, "\n  The learning rate was ", significant(report.learning_rate),
       "; a lower one, a warmup or gradient_clipping_by_norm helps.\n  ",
       checkpoints.empty() ? "There is no checkpoint yet." : "The last checkpoint is as it was: ",
       checkpoints.empty() ? "" : checkpoints.back());
}

}  // namespace odt
