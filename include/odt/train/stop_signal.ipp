// SPDX-License-Identifier: MIT
#pragma once

#include <odt/core/target.hpp>
#include <odt/train/stop_signal.hpp>

namespace odt {

namespace detail::stop {

inline volatile std::sig_atomic_t noted = 0;

ODT_INLINE void note(int signal) {
  noted = signal;
  std::signal(signal, SIG_DFL);
}

}  // namespace detail::stop

ODT_INLINE stop_signal::stop_signal() {
  detail::stop::noted = 0;
  struct sigaction action {};
  action.sa_handler = detail::stop::note;
  sigemptyset(&action.sa_mask);
  action.sa_flags = SA_RESTART;
  sigaction(SIGINT, &action, &interrupt_);
  sigaction(SIGTERM, &action, &terminate_);
}

ODT_INLINE stop_signal::~stop_signal() {
  sigaction(SIGINT, &interrupt_, nullptr);
  sigaction(SIGTERM, &terminate_, nullptr);
}

ODT_INLINE int stop_signal::received() const { return detail::stop::noted; }

}  // namespace odt
