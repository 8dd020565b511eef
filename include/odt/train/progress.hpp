// SPDX-License-Identifier: MIT
// What a person sees while a detector trains.
#pragma once

#include <odt/detector.hpp>

#include <cstdint>
#include <cstdio>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace odt {

/// Lines on a terminal or in a file. In a terminal the status is one line that replaces itself; elsewhere each status
/// is a line of its own. Safe from several threads.
class console {
 public:
  explicit console(std::FILE* out = stdout);
  console(std::FILE* out, bool terminal) : out_(out), terminal_(terminal) {}
  ~console();
  console(const console&) = delete;
  console& operator=(const console&) = delete;

  /// A line (or several) that stays.
  void line(std::string_view text);

  /// What goes on now.
  void status(std::string_view text);

  bool terminal() const { return terminal_; }

  /// Characters that fit on a line; 0: as many as one likes.
  std::size_t columns() const;

 private:
  void clear();

  std::FILE* out_;
  bool terminal_;
  bool open_ = false;  // a status without its line end
  std::mutex mutex_;
};

/// Sends the library's messages to a console while it lives: warnings with "warning: " before them.
class console_log {
 public:
  explicit console_log(console& out);
  ~console_log();
  console_log(const console_log&) = delete;
  console_log& operator=(const console_log&) = delete;
};

/// Seconds a step, a running mean over all steps.
class running_pace {
 public:
  void add(double seconds) {
    if (seconds > 0) seconds_ = seconds_ == 0 ? seconds : 0.98 * seconds_ + 0.02 * seconds;
  }
  double seconds() const { return seconds_; }

 private:
  double seconds_ = 0;
};

/// Means over the steps since the last line, and how fast they went.
class step_meter {
 public:
  /// Takes in a step: its report, images, seconds spent waiting for data, and seconds in all.
  void add(const step_report& report, int images, double waited, double seconds);

  std::int64_t steps() const { return steps_; }  ///< since the last reset
  double seconds() const { return seconds_; }    ///< since the last reset
  double images_per_second() const { return seconds_ > 0 ? static_cast<double>(images_) / seconds_ : 0; }
  double steps_per_second() const { return seconds_ > 0 ? static_cast<double>(steps_) / seconds_ : 0; }
  double waiting() const { return seconds_ > 0 ? waited_ / seconds_ : 0; }  ///< share of the time without data

  /// "step 120/1500  loss 3.41  12.3 img/s  3 min 20 s left  lr 0.004  classification 2.1, localization 1.2". `last` is
  /// the step that the run ends with (0: none). What does not fit into that many columns (0: all fits) is left out from
  /// its end.
  std::string line(std::int64_t step, std::int64_t last, std::size_t columns = 0) const;

  void reset();

 private:
  std::int64_t steps_ = 0, images_ = 0;
  double seconds_ = 0, waited_ = 0, total_ = 0;
  running_pace pace_;
  float learning_rate_ = 0;
  std::vector<std::pair<std::string, double>> losses_;
};

/// A tag without what all have: "Loss/localization_loss" is "localization", "Loss/RPNLoss/localization_loss" is
/// "RPN localization".
std::string short_loss_name(std::string_view tag);

}  // namespace odt

#if defined(ODT_HEADER_ONLY)
#include <odt/train/progress.ipp>
#endif
