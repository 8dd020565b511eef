// SPDX-License-Identifier: MIT
#pragma once

#include <odt/core/target.hpp>
#include <odt/train/training_log.hpp>

#include <chrono>

namespace odt {

namespace detail::training_logs {

class model_main_log final : public training_log {
 public:
  model_main_log(event_writer& events, console& out, std::int64_t log_every)
      : events_(events), out_(out), log_every_(log_every) {}

  void step(const taken_step& taken) override {
    meter_.add(taken.report, taken.images, taken.waited, taken.seconds);
    const bool at_step = log_every_ > 0 && taken.number % log_every_ == 0;
    if (at_step || first_) write(taken);
    tell(taken, at_step);
  }

  void saved(const std::string& prefix) override { out_.line(str("saved ", prefix)); }

 private:
  using clock = std::chrono::steady_clock;

  /// Besides the tags of the API's own runs those of its evaluations, so that both have their curves in one chart.
  void write(const taken_step& taken) {
    const step_report& report = taken.report;
    for (const char* tag : {"loss", "loss_1", "loss_2"}) events_.scalar(tag, report.total_loss, taken.number);
    for (const auto& [tag, value] : report.losses) events_.scalar(tag, value, taken.number);
    for (const auto& [tag, value] : report.details) events_.scalar(tag, value, taken.number);
    for (const char* tag : {"learning_rate", "learning_rate_1"})
      events_.scalar(tag, report.learning_rate, taken.number);
    events_.scalar("global_norm/gradient_norm", report.gradient_norm, taken.number);
    if (!first_) events_.scalar("global_step/sec", static_cast<float>(meter_.steps_per_second()), taken.number);
    events_.flush();
  }

  void tell(const taken_step& taken, bool at_step) {
    const double quiet = std::chrono::duration<double>(clock::now() - last_line_).count();
    if (!at_step && !first_ && quiet < (out_.terminal() ? 0.5 : 30)) return;
    const std::string line = meter_.line(taken.number, taken.last, out_.columns());
    at_step ? out_.line(line) : out_.status(line);
    if (at_step || !out_.terminal()) meter_.reset();
    first_ = false;
    last_line_ = clock::now();
  }

  event_writer& events_;
  console& out_;
  std::int64_t log_every_;
  step_meter meter_;
  bool first_ = true;
  clock::time_point last_line_ = clock::now();
};

}  // namespace detail::training_logs

ODT_INLINE std::unique_ptr<training_log> make_training_log(event_writer& events, console& out, std::int64_t log_every) {
  return std::make_unique<detail::training_logs::model_main_log>(events, out, log_every);
}

ODT_INLINE std::unique_ptr<event_writer> open_events(const std::string& directory, const std::string& graph,
                                                     const std::string& config) {
  auto events = std::make_unique<event_writer>(directory);
  if (!graph.empty()) events->graph(graph);
  if (!config.empty()) events->text("pipeline_config", str("```\n", config, "\n```"), 0);
  events->flush();
  return events;
}

}  // namespace odt
