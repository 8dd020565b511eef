// SPDX-License-Identifier: MIT
#pragma once

#include <odt/core/human.hpp>
#include <odt/core/log.hpp>
#include <odt/train/progress.hpp>

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>

namespace odt {

namespace detail::progress {

/// Of a terminal; 0: it is none, or one that nobody looks at, such as mpirun gives to its ranks.
ODT_INLINE int width_of_terminal(std::FILE* out) {
  winsize size{};
  return isatty(fileno(out)) == 1 && ioctl(fileno(out), TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

}  // namespace detail::progress

ODT_INLINE console::console(std::FILE* out) : console(out, detail::progress::width_of_terminal(out) > 0) {}

ODT_INLINE console::~console() {
  if (!open_) return;
  std::fputc('\n', out_);
  std::fflush(out_);
}

ODT_INLINE std::size_t console::columns() const {
  if (!terminal_) return 0;
  const int width = detail::progress::width_of_terminal(out_);
  return width > 1 ? static_cast<std::size_t>(width) - 1 : 79;
}

ODT_INLINE void console::clear() {
  if (open_) std::fputs("\r\x1b[K", out_);
  open_ = false;
}

ODT_INLINE void console::line(std::string_view text) {
  const std::lock_guard lock(mutex_);
  clear();
  std::fwrite(text.data(), 1, text.size(), out_);
  if (!text.ends_with('\n')) std::fputc('\n', out_);
  std::fflush(out_);
}

ODT_INLINE void console::status(std::string_view text) {
  if (!terminal_) return line(text);
  const std::lock_guard lock(mutex_);
  clear();
  text = cut_to_width(text, columns());
  std::fwrite(text.data(), 1, text.size(), out_);
  std::fflush(out_);
  open_ = true;
}

ODT_INLINE console_log::console_log(console& out) {
  set_log_sink([&out](log_level level, std::string_view message) {
    out.line(str(level == log_level::warning ? "warning: " : "", message));
  });
}

ODT_INLINE console_log::~console_log() { set_log_sink({}); }

ODT_INLINE void step_meter::add(const step_report& report, int images, double waited, double seconds) {
  ++steps_;
  images_ += images;
  seconds_ += seconds;
  waited_ += waited;
  total_ += report.total_loss;
  learning_rate_ = report.learning_rate;
  for (const auto& [tag, value] : report.losses) {
    const auto it = std::ranges::find(losses_, tag, &std::pair<std::string, double>::first);
    if (it == losses_.end())
      losses_.emplace_back(tag, value);
    else
      it->second += value;
  }
  pace_.add(seconds);
}

ODT_INLINE std::string short_loss_name(std::string_view tag) {
  const auto without = [](std::string_view word, std::string_view ending) {
    return word.substr(0, word.size() - (word.ends_with(ending) ? ending.size() : 0));
  };
  if (constexpr std::string_view all = "Loss/"; tag.starts_with(all)) tag.remove_prefix(all.size());
  const std::size_t slash = tag.rfind('/');
  const std::string_view name = without(tag.substr(slash == tag.npos ? 0 : slash + 1), "_loss");
  return slash == tag.npos ? std::string(name) : str(without(tag.substr(0, slash), "Loss"), " ", name);
}

ODT_INLINE std::string step_meter::line(std::int64_t step, std::int64_t last, std::size_t columns) const {
  const double n = static_cast<double>(std::max<std::int64_t>(steps_, 1));
  std::string text = str("step ", step, last > 0 ? str("/", last) : "", "  loss ", significant(total_ / n));
  const auto add = [&text, columns](const std::string& more) {
    const bool fits = columns == 0 || text.size() + more.size() <= columns;
    if (fits) text += more;
    return fits;
  };
  const auto add_all = [&](const std::vector<std::string>& pieces) { return std::ranges::all_of(pieces, add); };
  std::vector<std::string> pieces{str("  ", significant(images_per_second(), 3), " img/s")};
  if (last > step)
    pieces.push_back(str("  ", human_duration(pace_.seconds() * static_cast<double>(last - step)), " left"));
  if (waiting() > 0.1) pieces.push_back(str("  waits for data ", fixed(100 * waiting(), 0), " % of the time"));
  pieces.push_back(str("  lr ", significant(learning_rate_, 3)));
  for (const auto& [tag, sum] : losses_)
    pieces.push_back(
        str(&tag == &losses_.front().first ? "  " : ", ", short_loss_name(tag), " ", significant(sum / n, 3)));
  add_all(pieces);
  return text;
}

ODT_INLINE void step_meter::reset() {
  steps_ = images_ = 0;
  seconds_ = waited_ = total_ = 0;
  losses_.clear();
}

}  // namespace odt
