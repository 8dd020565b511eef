// SPDX-License-Identifier: MIT
// The parameters of a fixture as settings: objects are messages, lists are repeated fields, null is a field not set.
#pragma once

#include <nlohmann/json.hpp>
#include <odt/core/settings.hpp>

#include <string>

namespace odt::test {

odt::settings to_settings(const nlohmann::json& value, const std::string& name = "", std::string path = "");

}  // namespace odt::test
