// SPDX-License-Identifier: MIT
// Another process of this program, whose lines are read while it works; it never outlives the thread that started it.
#pragma once

#include <sys/types.h>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace odt::labelling {

/// How a child ended: its exit status, or the signal that ended it.
struct child_end {
  int status = 0;
  int signal = 0;

  bool well() const { return status == 0 && signal == 0; }
  /// "status 1", "ended by signal 9 (Killed)"
  std::string text() const;
};

/// A program that was started with words, at a lower priority, with both of its outputs as one.
class child {
 public:
  explicit child(const std::vector<std::string>& words, int niceness = 5);
  ~child();
  child(const child&) = delete;
  child& operator=(const child&) = delete;

  pid_t id() const { return id_; }

  /// Hands on line after line until it ends. `stop` is asked several times a second; once it says so, the child is
  /// asked to end, and killed where it does not within some seconds.
  child_end follow(const std::function<void(std::string_view)>& line, const std::function<bool()>& stop);

 private:
  void take(std::string_view bytes, const std::function<void(std::string_view)>& line);

  pid_t id_ = -1;
  int output_ = -1;
  std::string rest_;
};

/// The path of the program that runs.
std::string own_program();

}  // namespace odt::labelling

#if defined(ODT_HEADER_ONLY)
#include <odt/label/child.ipp>
#endif
