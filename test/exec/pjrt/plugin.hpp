// SPDX-License-Identifier: MIT
// The plugin that the tests run on: $ODT_PJRT_PLUGIN, or that of the Python package xla-cpu-pjrt where test/run.sh
// installs it.
#pragma once

#include <odt/exec/pjrt/plugin.hpp>

#include <boost/test/unit_test.hpp>

#include <cstdlib>
#include <filesystem>
#include <string>

namespace odt::test {

/// A file of a Python package that test/run.sh installs; empty where it is not there.
inline std::filesystem::path python_package(const std::string& file) {
  std::error_code none;
  for (const auto& python : std::filesystem::directory_iterator(ODT_TEST_PEERS "/lib", none))
    if (const auto found = python.path() / "site-packages" / file; std::filesystem::exists(found, none)) return found;
  return {};
}

inline std::filesystem::path pjrt_plugin() {
  const char* const said = std::getenv("ODT_PJRT_PLUGIN");
  return said ? said : python_package("xla_plugins/xla_cpu_pjrt/xla_cpu_pjrt.so");
}

inline bool has_pjrt_plugin() {
  if (!pjrt_plugin().empty()) return true;
  BOOST_TEST_MESSAGE("skipped: there is no PJRT plugin (pip install xla-cpu-pjrt, or set ODT_PJRT_PLUGIN)");
  return false;
}

inline pjrt::client& pjrt_client() { return pjrt::load_plugin(pjrt_plugin()); }

}  // namespace odt::test
