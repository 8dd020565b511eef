// SPDX-License-Identifier: MIT
// Numbers as people read them.
#pragma once

#include <odt/core/display_width.hpp>
#include <odt/core/text.hpp>

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>

namespace odt {

/// With that many significant digits: significant(0.0123456, 3) is "0.0123".
inline std::string significant(double value, int digits = 4) {
  char buffer[64];
  std::snprintf(buffer, sizeof buffer, "%.*g", digits, value);
  return buffer;
}

/// With that many digits after the point: fixed(3.14159, 2) is "3.14".
inline std::string fixed(double value, int digits) {
  char buffer[400];
  std::snprintf(buffer, sizeof buffer, "%.*f", digits, value);
  return buffer;
}

/// "1,234,567"
inline std::string grouped(std::int64_t value) {
  const std::string digits = str(value);
  std::string text;
  for (std::size_t i = 0; i < digits.size(); ++i) {
    if (i > (value < 0 ? 1u : 0u) && (digits.size() - i) % 3 == 0) text += ',';
    text += digits[i];
  }
  return text;
}

/// "6 s", "3 min 20 s", "2 h 5 min", "3 d 4 h"
inline std::string human_duration(double seconds) {
  if (!(seconds >= 0) || seconds > 1e10) return "?";
  const auto s = static_cast<std::int64_t>(std::llround(seconds));
  if (s < 60) return str(s, " s");
  if (s < 3600) return str(s / 60, " min ", s % 60, " s");
  if (s < 86400) return str(s / 3600, " h ", s % 3600 / 60, " min");
  return str(s / 86400, " d ", s % 86400 / 3600, " h");
}

/// "512 bytes", "3.4 MiB"
inline std::string human_bytes(std::int64_t bytes) {
  constexpr std::string_view units[] = {"KiB", "MiB", "GiB", "TiB"};
  if (bytes < 1024) return str(bytes, " bytes");
  double value = static_cast<double>(bytes) / 1024;
  int unit = 0;
  for (; value >= 1024 && unit < 3; ++unit) value /= 1024;
  return str(significant(value, value >= 100 ? 4 : 3), " ", units[unit]);
}

/// "1 image", "3 images"
inline std::string counted(std::int64_t n, std::string_view what) {
  return str(grouped(n), " ", what, n == 1 ? "" : "s");
}

}  // namespace odt
