// SPDX-License-Identifier: MIT
// What the library has to say while it works. The program decides where that goes.
#pragma once

#include <odt/core/text.hpp>

#include <functional>
#include <string_view>

namespace odt {

enum class log_level { info, warning };

using log_sink = std::function<void(log_level, std::string_view)>;

/// Sends all later messages to `sink` (thread-safe calls are the sink's affair); an empty one restores stderr.
void set_log_sink(log_sink sink);

/// Hands one message to the sink.
void log(log_level level, std::string_view message);

template <class... Pieces>
void info(const Pieces&... pieces) {
  log(log_level::info, str(pieces...));
}

template <class... Pieces>
void warn(const Pieces&... pieces) {
  log(log_level::warning, str(pieces...));
}

}  // namespace odt

#if defined(ODT_HEADER_ONLY)
#include <odt/core/log.ipp>
#endif
