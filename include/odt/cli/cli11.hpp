// SPDX-License-Identifier: MIT
// The door to CLI11, with checks whose ranges do not clutter the help.
#pragma once

#include <odt/core/text.hpp>

#include <CLI/CLI.hpp>

#include <limits>
#include <set>
#include <string>

namespace odt::detail::cli {

template <class Number>
CLI::Validator between(Number low, Number high) {
  const auto check = [low, high](const std::string& text) {
    Number value{};
    if (!CLI::detail::lexical_cast(text, value)) return str("\"", text, "\" is no number that can be taken here");
    if (value < low) return str(text, " is too small; at least ", low, " belongs here");
    if (value > high) return str(text, " is too large; at most ", high, " belongs here");
    return std::string();
  };
  return CLI::Validator(check, "");
}

/// Help whose every word is the same each time: CLI11 lists what an option excludes by address.
class help_formatter : public CLI::Formatter {
 public:
  std::string make_option_opts(const CLI::Option* option) const override {
    std::string text = CLI::Formatter::make_option_opts(option);
    const std::string label = str(" ", get_label("Excludes"), ":");
    const std::size_t at = text.find(label);
    if (at == std::string::npos) return text;
    std::set<std::string> names;
    for (const CLI::Option* other : option->get_excludes()) names.insert(other->get_name());
    std::string sorted = text.substr(0, at) + label;
    for (const std::string& name : names) sorted += str(" ", name);
    return sorted;
  }
};

/// At least 1.
inline CLI::Validator positive() { return between(1, std::numeric_limits<int>::max()); }

/// At least 0.
inline CLI::Validator not_negative() { return between(0.0, 1e18); }

}  // namespace odt::detail::cli
