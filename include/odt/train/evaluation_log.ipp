// SPDX-License-Identifier: MIT
#pragma once

#include <odt/core/human.hpp>
#include <odt/core/target.hpp>
#include <odt/train/evaluation_log.hpp>

namespace odt {

namespace detail::evaluation_logs {

class model_main_log final : public evaluation_log {
 public:
  explicit model_main_log(console& out) : out_(out) {}

  void begin(const std::string& prefix) override { out_.line(str("checkpoint ", prefix)); }

  void end(const evaluation& result, const std::string& prefix, event_writer& events) override {
    write_summaries(events, result);
    events.text("checkpoint_path", prefix, result.step);
    events.flush();
    out_.line(summary_text(result));
  }

  void wait(const std::string& directory, bool, double seconds) override {
    out_.line(str("waiting for the next checkpoint in ", directory,
                  seconds >= 1 ? str(", for ", human_duration(seconds), " at least") : "", " (Ctrl-C ends)"));
  }

 private:
  console& out_;
};

}  // namespace detail::evaluation_logs

ODT_INLINE std::unique_ptr<evaluation_log> make_evaluation_log(console& out) {
  return std::make_unique<detail::evaluation_logs::model_main_log>(out);
}

}  // namespace odt
