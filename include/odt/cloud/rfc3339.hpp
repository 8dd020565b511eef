// SPDX-License-Identifier: MIT
// Times as servers write them.
#pragma once

#include <ctime>
#include <string>
#include <string_view>

#include <time.h>

namespace odt::cloud {

/// Of "2026-01-31T12:00:00Z", also with a fraction; 0: it is no such time.
inline std::time_t seconds_of(const std::string& time) {
  std::tm parts{};
  const char* const rest = ::strptime(time.c_str(), "%Y-%m-%dT%H:%M:%S", &parts);
  return rest && std::string_view(rest).ends_with('Z') ? ::timegm(&parts) : 0;
}

}  // namespace odt::cloud
