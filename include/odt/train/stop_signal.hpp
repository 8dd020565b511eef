// SPDX-License-Identifier: MIT
// Ctrl-C and kill, taken as a wish to stop at the next good moment.
#pragma once

#include <csignal>

namespace odt {

/// While it lives, the first SIGINT or SIGTERM is only noted; a second one ends the program as usual. One at a time.
class stop_signal {
 public:
  stop_signal();
  ~stop_signal();
  stop_signal(const stop_signal&) = delete;
  stop_signal& operator=(const stop_signal&) = delete;

  /// The signal that came; 0: none.
  int received() const;

 private:
  struct sigaction interrupt_ {
  }, terminate_{};
};

}  // namespace odt

#if defined(ODT_HEADER_ONLY)
#include <odt/train/stop_signal.ipp>
#endif
