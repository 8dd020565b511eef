// SPDX-License-Identifier: MIT
#pragma once

#include <odt/core/human.hpp>
#include <odt/core/target.hpp>
#include <odt/train/training_log.hpp>

#include <chrono>

namespace odt {

namespace detail::training_logs {

class legacy_log final : public training_log {
 public:
  legacy_log(event_writer& events, console& out, const legacy_log_options& how)
      : events_(events), out_(out), how_(how) {}

  void begin(detector& model) override {
    model_ = &model;
    info("Starting Session.");
  }

  void step(const taken_step& taken) override {
    ++steps_;
    seconds_ += taken.seconds;
    waited_ += taken.waited;
    if (first_ || std::chrono::duration<double>(clock::now() - last_summary_).count() >= how_.summary_secs)
      write(taken);
    info(str("global step ", taken.number, ": loss = ", fixed(taken.report.total_loss, 4), " (",
             fixed(taken.seconds, 3), " sec/step)"));
  }

  void saving(const std::string& model_dir) override {
    if (!ended_) info(str("Saving checkpoint to path ", model_dir, "/model.ckpt"));
  }

  void end() override {
    ended_ = true;
    info("Stopping Training.");
    info("Finished training! Saving model to disk.");
  }

 private:
  using clock = std::chrono::steady_clock;

  void info(std::string_view text) { out_.line(str("INFO:tensorflow:", text)); }

  /// Its numbers are of the forward pass before the step's update, and so is their step.
  void write(const taken_step& taken) {
    const std::int64_t step = taken.number - 1;
    const double pace = first_ ? 0 : static_cast<double>(steps_) / seconds_;
    if (first_) info("Starting Queues.");
    info(str("global_step/sec: ", significant(pace, 6)));
    info(str("Recording summary at step ", step, "."));
    events_.scalar("global_step/sec", static_cast<float>(pace), step);
    write_losses(taken.report, step);
    for (const auto& [tag, value] : taken.report.details) events_.scalar(tag, value, step);
    events_.scalar("LearningRate/LearningRate/learning_rate", taken.report.learning_rate, step);
    const auto ready = static_cast<float>(first_ ? 0 : 1 - waited_ / seconds_);
    events_.scalar(str("batch/fraction_of_", how_.batch_queue_capacity, "_full"), ready, step);
    events_.scalar(str("queue/prefetch_queue/fraction_of_", how_.prefetch_queue_capacity, "_full"), ready, step);
    for (const state_tensor& one : model_->state())
      if (one.model_variable) events_.histogram(str("ModelVars/", one.name), one.values, step);
    events_.flush();
    first_ = false;
    steps_ = 0;
    seconds_ = waited_ = 0;
    last_summary_ = clock::now();
  }

  void write_losses(const step_report& report, std::int64_t step) {
    float of_clone = 0;
    for (const auto& [tag, value] : report.losses) {
      const bool regularizes = tag == "Loss/regularization_loss";
      events_.scalar(regularizes ? "Losses/regularization_loss" : str("Losses/", tag), value, step);
      if (!regularizes) of_clone += value;
    }
    events_.scalar("Losses/clone_loss", of_clone, step);
    events_.scalar("Losses/TotalLoss", report.total_loss, step);
  }

  event_writer& events_;
  console& out_;
  legacy_log_options how_;
  detector* model_ = nullptr;
  bool first_ = true, ended_ = false;
  std::int64_t steps_ = 0;
  double seconds_ = 0, waited_ = 0;
  clock::time_point last_summary_;
};

}  // namespace detail::training_logs

ODT_INLINE std::unique_ptr<training_log> make_legacy_training_log(event_writer& events, console& out,
                                                                  const legacy_log_options& how) {
  return std::make_unique<detail::training_logs::legacy_log>(events, out, how);
}

}  // namespace odt
