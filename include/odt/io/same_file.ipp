// SPDX-License-Identifier: MIT
#pragma once

#include <odt/core/error.hpp>
#include <odt/core/target.hpp>
#include <odt/io/file_system.hpp>
#include <odt/io/same_file.hpp>

#include <sys/stat.h>

#include <map>
#include <optional>
#include <tuple>

namespace odt {

namespace detail::file_identity {

/// Device, number, and of an object its path, which is its only name.
using identity = std::tuple<dev_t, ino_t, std::string>;

ODT_INLINE std::string without_end(std::string path) {
  while (path.ends_with('/')) path.pop_back();
  return path;
}

ODT_INLINE std::optional<identity> identity_of(const std::string& path) {
  if (is_remote(path)) {
    if (!file_system_of(path).status(path)) return std::nullopt;
    return identity{0, 0, without_end(path)};
  }
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return std::nullopt;
  return identity{status.st_dev, status.st_ino, {}};
}

}  // namespace detail::file_identity

ODT_INLINE bool same_file(const std::string& a, const std::string& b) {
  const auto first = detail::file_identity::identity_of(a);
  return first && first == detail::file_identity::identity_of(b);
}

ODT_INLINE void refuse_to_replace(std::span<const std::string> inputs, std::span<const std::string> outputs,
                                  std::string_view advice) {
  namespace d = detail::file_identity;
  std::map<d::identity, std::string_view> written;
  for (const std::string& path : outputs)
    if (const auto known = d::identity_of(path)) written.emplace(*known, path);
  if (written.empty()) return;
  for (const std::string& path : inputs)
    if (const auto known = d::identity_of(path); known && written.contains(*known))
      fail(written.at(*known), written.at(*known) == path ? str(": ") : str(": is ", path, ", which "),
           "was given and would be written over; ", advice);
}

}  // namespace odt
