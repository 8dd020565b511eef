// SPDX-License-Identifier: MIT
#pragma once

#include <odt/core/error.hpp>
#include <odt/core/target.hpp>
#include <odt/io/file_system.hpp>
#include <odt/io/local_file_system.hpp>

#include <algorithm>
#include <map>
#include <mutex>
#include <utility>

namespace odt {

namespace detail::file_systems {

struct registry {
  std::mutex mutex;
  std::map<std::string, std::shared_ptr<file_system>, std::less<>> by_scheme;
};

ODT_INLINE registry& all() {
  static registry systems;
  return systems;
}

[[noreturn]] ODT_INLINE void fail_unknown(const std::string& path, std::string_view scheme) {
  if (scheme == "gs" || scheme == "s3")
    fail(path, ": this program was built without object stores; link odt::cloud, which needs libcurl and OpenSSL ",
         "(Debian: libcurl4-openssl-dev, libssl-dev)");
  fail(path, ": paths of the scheme \"", scheme, "\" are not known; a file of this machine, gs:// and s3:// are");
}

}  // namespace detail::file_systems

ODT_INLINE std::string_view scheme_of(std::string_view path) {
  const auto end = path.find("://");
  if (end == std::string_view::npos || end == 0) return {};
  const auto fits = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+'; };
  const std::string_view scheme = path.substr(0, end);
  return std::ranges::all_of(scheme, fits) ? scheme : std::string_view{};
}

ODT_INLINE file_system& file_system_of(const std::string& path) {
  const std::string_view scheme = scheme_of(path);
  if (scheme.empty()) return local_files();
  detail::file_systems::registry& systems = detail::file_systems::all();
  const std::lock_guard lock(systems.mutex);
  const auto found = systems.by_scheme.find(scheme);
  if (found == systems.by_scheme.end()) detail::file_systems::fail_unknown(path, scheme);
  return *found->second;
}

ODT_INLINE void register_file_system(const std::string& scheme, std::shared_ptr<file_system> files) {
  detail::file_systems::registry& systems = detail::file_systems::all();
  const std::lock_guard lock(systems.mutex);
  systems.by_scheme[scheme] = std::move(files);
}

}  // namespace odt
