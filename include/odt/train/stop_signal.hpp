// SPDX-License-Identifier: MIT
// Ctrl-C, kill, a terminal that closes and a reader that goes away, taken as a wish to stop at the next good moment.
#pragma once

#include <array>
#include <csignal>

namespace odt {

/// What is thrown out of work that a signal breaks off.
struct interrupted {};

/// While it lives, the first SIGINT, SIGTERM, SIGHUP or SIGPIPE is only noted; a second one, other than SIGPIPE, ends
/// the program as usual. One at a time.
class stop_signal {
 public:
  stop_signal();
  ~stop_signal();
  stop_signal(const stop_signal&) = delete;
  stop_signal& operator=(const stop_signal&) = delete;

  /// The signal that came; 0: none, or nobody waits for one.
  static int received();

 private:
  std::array<struct sigaction, 4> before_{};
};

}  // namespace odt

#if defined(ODT_HEADER_ONLY)
#include <odt/train/stop_signal.ipp>
#endif
