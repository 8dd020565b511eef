// SPDX-License-Identifier: MIT
#pragma once

#include <odt/core/log.hpp>
#include <odt/core/target.hpp>

#include <cstdio>
#include <mutex>
#include <utility>

namespace odt {

namespace detail {

struct log_state {
  std::mutex mutex;
  log_sink sink;
};

ODT_INLINE log_state& the_log() {
  static log_state state;
  return state;
}

}  // namespace detail

ODT_INLINE void set_log_sink(log_sink sink) {
  auto& state = detail::the_log();
  const std::lock_guard lock(state.mutex);
  state.sink = std::move(sink);
}

ODT_INLINE void log(log_level level, std::string_view message) {
  auto& state = detail::the_log();
  const std::lock_guard lock(state.mutex);
  if (state.sink) return state.sink(level, message);
  std::fprintf(stderr, "%s%.*s\n", level == log_level::warning ? "warning: " : "", static_cast<int>(message.size()),
               message.data());
}

}  // namespace odt
