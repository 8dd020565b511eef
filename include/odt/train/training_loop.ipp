// SPDX-License-Identifier: MIT
#pragma once

#include <odt/core/human.hpp>
#include <odt/core/log.hpp>
#include <odt/io/file.hpp>
#include <odt/train/restore.hpp>
#include <odt/train/stop_signal.hpp>
#include <odt/train/training_loop.hpp>

#include <algorithm>
#include <cmath>
#include <cstring>

namespace odt {

namespace detail::loop {

ODT_INLINE double seconds(std::chrono::steady_clock::duration d) { return std::chrono::duration<double>(d).count(); }

}  // namespace detail::loop

ODT_INLINE training_loop::training_loop(detector& model, batch_stream data, run_state run, training_loop_options how,
                                        std::vector<evaluation_set> evaluations, console& out)
    : model_(model),
      data_(std::move(data), how.shares.shards, how.iterations_per_loop),
      loop_(require_step_loop(model, how.iterations_per_loop)),
      run_(std::move(run)),
      how_(std::move(how)),
      evaluations_(std::move(evaluations)),
      out_(out),
      keeper_(how_.model_dir, how_.keep),
      graph_(how_.hooks.graph && leads() ? how_.hooks.graph(model) : ""),
      evaluation_events_(evaluations_.size()),
      patience_(how_.patience),
      used_before_(run_.seconds) {
  if (leads()) events_ = open_events(how_.model_dir, graph_, run_.config);
  log_ = !leads()      ? std::make_unique<silent_training_log>()
         : how_.legacy ? make_legacy_training_log(*events_, out, *how_.legacy)
                       : make_training_log(*events_, out, how_.log_every);
  if (how_.seconds <= 0) return;
  if (loop_)
    fail("--iterations_per_loop: with --minutes the learning rate follows the clock after each step; give ",
         "--num_train_steps");
  budget_.emplace(how_.seconds, used_before_);
  follower_ = dynamic_cast<schedule_follower*>(&model_);
  if (how_.schedule_length > 0 && !follower_)
    fail("--minutes: the learning rate of this detector follows its steps alone; give --num_train_steps");
}

ODT_INLINE training_outcome training_loop::run() {
  const stop_signal stop;
  begin_ = last_save_ = last_evaluation_ = clock::now();
  saved_step_ = keeper_.checkpoints().empty() ? -1 : model_.global_step();
  follow_clock(0);
  log_->begin(model_);
  if (how_.legacy) save();
  data_.begin();
  decision now = agree();
  while (now.signal == 0 && !now.end) {
    if (now.bad_data) fail_for_data();
    step();
    now = agree();
    if (now.signal != 0 || !(now.save || now.evaluate)) continue;
    save();
    if (now.evaluate) evaluate();
    now = agree();
  }
  const bool gave_up = patience_.over();
  if (now.signal == 0) log_->end();
  save();
  if (now.signal == 0 && evaluated_step_ != model_.global_step()) evaluate();
  if (events_) events_->close();
  for (const auto& events : evaluation_events_)
    if (events) events->close();
  return {model_.global_step(), now.signal, gave_up};
}

ODT_INLINE training_loop::decision training_loop::decide() const {
  decision d;
  d.signal = stop_signal::received();
  d.end = at_end() || (left() == 0 && data_.ended());
  d.bad_data = left() == 0 && data_.failed();
  d.evaluate = due_to_evaluate();
  d.save = due_to_save() || d.evaluate;
  if (d.save && how_.eval_steps == 0)
    d.evaluate = detail::loop::seconds(clock::now() - last_evaluation_) >= how_.eval_secs;
  d.schedule_step = schedule_step_;
  return d;
}

/// The first rank decides; a signal to any of them stops all, and so does the end of its data.
ODT_INLINE training_loop::decision training_loop::agree() {
  decision d = decide();
  if (!how_.ranks) return d;
  const std::vector<std::string> all = how_.ranks->gather({reinterpret_cast<const char*>(&d), sizeof d});
  std::memcpy(&d, all[0].data(), sizeof d);
  for (const std::string& of_rank : all) {
    decision other;
    std::memcpy(&other, of_rank.data(), sizeof other);
    if (d.signal == 0) d.signal = other.signal;
    d.bad_data |= other.bad_data;
    d.end |= other.end;
  }
  if (d.schedule_step >= 0) follower_->set_schedule_step(d.schedule_step);
  return d;
}

ODT_INLINE bool training_loop::at_end() const {
  if (patience_.over()) return true;
  return budget_ ? budget_->over(used()) : how_.last_step > 0 && model_.global_step() >= how_.last_step;
}

/// Steps of the current batches that are not taken yet.
ODT_INLINE std::size_t training_loop::left() const {
  return data_.current().size() / static_cast<std::size_t>(how_.shares.shards) - taken_;
}

/// Up to the next step behind which something is to be done.
ODT_INLINE std::size_t training_loop::steps_in_one_go() const {
  const std::int64_t step = model_.global_step();
  auto most = static_cast<std::int64_t>(left());
  if (how_.last_step > 0) most = std::min(most, how_.last_step - step);
  for (const std::int64_t every : {how_.save_steps, evaluations_.empty() ? 0 : how_.eval_steps})
    if (every > 0) most = std::min(most, every - step % every);
  return static_cast<std::size_t>(most);
}

ODT_INLINE std::vector<step_report> training_loop::take_steps() {
  if (!loop_) {
    for (const batch& b : data_.next()) model_.announce(b);
    return {model_.train_shards(data_.current())};
  }
  if (taken_ == 0) loop_->announce(data_.next());
  return loop_->train(data_.current(), taken_, steps_in_one_go());
}

ODT_INLINE void training_loop::step() {
  const auto start = clock::now();
  if (left() == 0) {
    data_.advance();
    taken_ = 0;
  }
  const double waited = detail::loop::seconds(clock::now() - start);
  std::int64_t number = model_.global_step();
  const std::vector<step_report> reports = take_steps();
  const auto steps = static_cast<double>(reports.size()), seconds = detail::loop::seconds(clock::now() - start) / steps;
  const auto shards = static_cast<std::size_t>(how_.shares.shards);
  for (const step_report& report : reports) {
    const std::span<const batch> batches = data_.current().subspan(taken_++ * shards, shards);
    ++number;
    if (!report.finite || !std::isfinite(report.total_loss)) fail_not_finite(number, report, batches);
    const int images = batches[0].size * how_.shares.all_shards();
    run_.samples_seen += static_cast<std::uint64_t>(images);
    follow_clock(seconds);
    log_->step({report, number, images, waited / steps, seconds, foreseen_last_step()});
  }
}

/// Seconds of the run so far.
ODT_INLINE double training_loop::used() const { return used_before_ + detail::loop::seconds(clock::now() - begin_); }

/// The schedule of a training of a given time goes forward.
ODT_INLINE void training_loop::follow_clock(double step_seconds) {
  if (!budget_) return;
  if (step_seconds > 0) budget_->advance(step_seconds, used());
  pace_.add(step_seconds);
  if (how_.schedule_length == 0) return;
  schedule_step_ = budget_->schedule_step(how_.schedule_length);
  follower_->set_schedule_step(schedule_step_);
}

/// The last step, as far as it can be told now.
ODT_INLINE std::int64_t training_loop::foreseen_last_step() {
  return budget_ ? model_.global_step() + budget_->steps_left(used(), pace_.seconds()) : how_.last_step;
}

/// Bad data ends the run, but what was trained so far is kept: all ranks wait for that, and the first one tells what
/// another cannot read.
ODT_INLINE void training_loop::fail_for_data() {
  std::string wrong;
  try {
    if (data_.failed()) data_.advance();
  } catch (const error& bad) {
    wrong = bad.what();
  }
  if (run_.samples_seen > 0) save();
  if (!how_.ranks) fail(wrong);
  const std::vector<std::string> all = how_.ranks->gather(wrong);
  if (!leads()) fail(wrong.empty() ? "ends with the others" : wrong);
  const auto bad = std::ranges::find_if(all, [](const std::string& text) { return !text.empty(); });
  fail(bad == all.begin() ? "" : str("rank ", bad - all.begin(), ": "), *bad);
}

ODT_INLINE bool training_loop::due_to_save() const {
  return (how_.save_steps > 0 && model_.global_step() % how_.save_steps == 0) ||
         (how_.save_secs > 0 && detail::loop::seconds(clock::now() - last_save_) >= how_.save_secs);
}

ODT_INLINE bool training_loop::due_to_evaluate() const {
  return !evaluations_.empty() && how_.eval_steps > 0 && model_.global_step() % how_.eval_steps == 0;
}

ODT_INLINE void training_loop::save() {
  const std::int64_t step = model_.global_step();
  if (!leads() || step == saved_step_) return;
  const std::string prefix = keeper_.prefix(step);
  log_->saving(how_.model_dir);
  if (budget_) run_.seconds = used();
  save_checkpoint(model_, run_, prefix);
  keeper_.saved(prefix);
  saved_step_ = step;
  last_save_ = clock::now();
  log_->saved(prefix);
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
    if (!leads()) continue;
    if (result.images == 0) {
      warn("there are no images to evaluate on for ", directory);
      continue;
    }
    if (!evaluation_events_[i]) evaluation_events_[i] = open_events(directory, graph_, run_.config);
    write_summaries(*evaluation_events_[i], result);
    evaluation_events_[i]->text("checkpoint_path", keeper_.prefix(result.step), result.step);
    evaluation_events_[i]->flush();
    out_.line(summary_text(result));
    if (i == 0) compare_with_best(result);
  }
  evaluated_step_ = model_.global_step();
  last_evaluation_ = clock::now();
}

ODT_INLINE void training_loop::compare_with_best(const evaluation& result) {
  const auto measured = measure(result, how_.metric);
  const bool better = measured && keeper_.offer_best(keeper_.prefix(result.step), *measured);
  patience_.add(better);
  if (!better) return;
  out_.line(str("best so far: ", measured->metric, " = ", significant(measured->value, 4)));
  if (how_.hooks.best) how_.hooks.best(how_.model_dir);
}

ODT_INLINE void training_loop::fail_not_finite(std::int64_t number, const step_report& report,
                                               std::span<const batch> batches) {
  std::string parts;
  for (const auto& [tag, value] : report.losses) parts += str(parts.empty() ? "" : ", ", tag, " ", significant(value));
  std::string layer;
  std::vector<std::string> ids;
  for (const batch& b : batches) {
    if (layer.empty()) layer = model_.first_non_finite_layer(b);
    ids.insert(ids.end(), b.ids.begin(), b.ids.end());
  }
  const auto checkpoints = keeper_.checkpoints();
  fail("step ", number, ": the loss is not finite (", parts, ")\n  images of the batch: ", join(ids, ", "),
       layer.empty() ? "\n  all layers are finite in a forward run: the loss or the gradient is at fault"
                     : "\n  the first layer whose output is not finite: ",
       layer, "\n  The learning rate was ", significant(report.learning_rate),
       "; a lower one, a warmup or gradient_clipping_by_norm helps.\n  ",
       checkpoints.empty() ? "There is no checkpoint yet." : "The last checkpoint is as it was: ",
       checkpoints.empty() ? "" : checkpoints.back());
}

}  // namespace odt
