// SPDX-License-Identifier: MIT
#include <json_settings.hpp>

#include <cstddef>

namespace odt::test {

odt::settings to_settings(const nlohmann::json& value, const std::string& name, std::string path) {
  odt::settings s;
  s.name = name;
  s.path = path.empty() ? name : path;
  s.set = !value.is_null();
  s.message = value.is_object();
  if (value.is_object()) {
    for (const auto& [key, child] : value.items())
      s.children.push_back(to_settings(child, key, s.path.empty() ? key : s.path + "." + key));
  } else if (value.is_array()) {
    for (std::size_t i = 0; i < value.size(); ++i)
      s.children.push_back(to_settings(value[i], std::to_string(i), s.path + "[" + std::to_string(i) + "]"));
  } else if (value.is_string()) {
    s.text = value.get<std::string>();
  } else if (!value.is_null()) {
    s.text = value.dump();
  }
  return s;
}

}  // namespace odt::test
