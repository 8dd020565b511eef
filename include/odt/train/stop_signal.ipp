// SPDX-License-Identifier: MIT
#pragma once

#include <odt/core/target.hpp>
#include <odt/train/stop_signal.hpp>

namespace odt {

namespace detail::stop {

inline constexpr std::array signals{SIGINT, SIGTERM, SIGHUP, SIGPIPE};

inline volatile std::sig_atomic_t noted = 0;

/// A broken pipe comes with every further line of output.
ODT_INLINE void note(int signal) {
  noted = signal;
  std::signal(signal, signal == SIGPIPE ? SIG_IGN : SIG_DFL);
}

}  // namespace detail::stop

ODT_INLINE stop_signal::stop_signal() {
  detail::stop::noted = 0;
  struct sigaction action {};
  action.sa_handler = detail::stop::note;
  sigemptyset(&action.sa_mask);
  action.sa_flags = SA_RESTART;
  for (std::size_t i = 0; i < before_.size(); ++i) {
    sigaction(detail::stop::signals[i], nullptr, &before_[i]);
    if (before_[i].sa_handler != SIG_IGN) sigaction(detail::stop::signals[i], &action, nullptr);  // nohup ignores HUP
  }
}

ODT_INLINE stop_signal::~stop_signal() {
  for (std::size_t i = 0; i < before_.size(); ++i) sigaction(detail::stop::signals[i], &before_[i], nullptr);
  detail::stop::noted = 0;
}

ODT_INLINE int stop_signal::received() { return detail::stop::noted; }

}  // namespace odt
