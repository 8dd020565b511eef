// SPDX-License-Identifier: MIT
#pragma once

#include <odt/core/human.hpp>
#include <odt/core/target.hpp>
#include <odt/train/evaluation_log.hpp>

#include <algorithm>
#include <ctime>
#include <utility>
#include <vector>

namespace odt {

namespace detail::evaluation_logs {

class legacy_log final : public evaluation_log {
 public:
  explicit legacy_log(console& out) : out_(out) {}

  void begin(const std::string& prefix) override {
    info(str("Starting evaluation at ", now()));
    info(str("Restoring parameters from ", prefix));
  }

  void end(const evaluation& result, const std::string&, event_writer& events) override {
    for (std::size_t i = 0; i < result.pictures.size(); ++i) {
      const std::string tag = str("image-", i);
      info("Creating detection visualizations.");
      events.image(tag, result.pictures[i].found, result.step);
      info(str("Detection visualizations written to summary with tag ", tag, "."));
    }
    info("Running eval batches done.");
    info(str("# success: ", result.images));
    info(str("# skipped: ", result.skipped));
    info("Writing metrics to tf summary.");
    for (const auto& [tag, value] : numbers_of(result)) {
      events.scalar(tag, static_cast<float>(value), result.step);
      info(str(tag, ": ", fixed(value, 6)));
    }
    events.flush();
    info("Metrics written to tf summary.");
  }

  void wait(const std::string& directory, bool none, double seconds) override {
    const std::string again = str("Will try again in ", fixed(std::max(seconds, 1.0), 0), " seconds");
    info(none ? str("No model found in ", directory, ". ", again) : str("Found already evaluated checkpoint. ", again));
  }

  void finish() override { info("Finished evaluation!"); }

 private:
  void info(std::string_view text) { out_.line(str("INFO:tensorflow:", text)); }

  static std::string now() {
    const std::time_t seconds = std::time(nullptr);
    std::tm utc{};
    gmtime_r(&seconds, &utc);
    char text[32];
    return {text, std::strftime(text, sizeof text, "%Y-%m-%d-%H:%M:%S", &utc)};
  }

  /// The losses of boxes and classes, and the metrics, by tag.
  static std::vector<std::pair<std::string, double>> numbers_of(const evaluation& result) {
    std::vector<std::pair<std::string, double>> all = result.metrics;
    for (const auto& [tag, value] : result.losses)
      if (tag != "Loss/regularization_loss" && tag != "Loss/total_loss") all.emplace_back(str("Losses/", tag), value);
    std::ranges::sort(all);
    return all;
  }

  console& out_;
};

}  // namespace detail::evaluation_logs

ODT_INLINE std::unique_ptr<evaluation_log> make_legacy_evaluation_log(console& out) {
  return std::make_unique<detail::evaluation_logs::legacy_log>(out);
}

}  // namespace odt
