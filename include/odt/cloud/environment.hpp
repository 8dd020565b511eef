// SPDX-License-Identifier: MIT
// What the environment says.
#pragma once

#include <cstdlib>
#include <string>

namespace odt::cloud {

/// The value of a variable; empty: it is not set.
inline std::string environment(const char* name) {
  const char* const value = std::getenv(name);
  return value ? value : "";
}

/// The first of several variables that is set.
template <class... Names>
std::string first_environment(const char* name, Names... others) {
  std::string value = environment(name);
  if constexpr (sizeof...(others) > 0)
    if (value.empty()) return first_environment(others...);
  return value;
}

}  // namespace odt::cloud
