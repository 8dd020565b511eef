// SPDX-License-Identifier: MIT
#pragma once

#include <odt/core/error.hpp>
#include <odt/core/log.hpp>
#include <odt/nn/variable_filter.hpp>

#include <algorithm>
#include <regex>
#include <vector>

namespace odt {

namespace detail::variable_filter {

/// For each variable, whether one of the patterns matches.
ODT_INLINE std::vector<bool> matches(std::span<const variable> variables, std::span<const std::string> patterns,
                                     std::string_view field) {
  std::vector<bool> result(variables.size());
  for (const std::string& pattern : patterns) {
    std::regex expression;
    try {
      expression.assign(pattern);
    } catch (const std::regex_error& e) {
      fail("train_config.", field, ": \"", pattern, "\" is not a regular expression: ", e.what());
    }
    bool any = false;
    for (std::size_t i = 0; i < variables.size(); ++i) {
      const std::string_view name = variables[i].name;
      if (std::regex_search(name.begin(), name.end(), expression)) result[i] = any = true;
    }
    if (!any) warn("train_config.", field, ": \"", pattern, "\" matches no variable");
  }
  return result;
}

}  // namespace detail::variable_filter

ODT_INLINE void select_trainable(std::span<variable> variables, std::span<const std::string> update_trainable_variables,
                                 std::span<const std::string> freeze_variables) {
  using detail::variable_filter::matches;
  const auto updated = matches(variables, update_trainable_variables, "update_trainable_variables");
  const auto frozen = matches(variables, freeze_variables, "freeze_variables");
  for (std::size_t i = 0; i < variables.size(); ++i)
    if ((!update_trainable_variables.empty() && !updated[i]) || frozen[i]) variables[i].trainable = false;
}

}  // namespace odt
