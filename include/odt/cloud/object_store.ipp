// SPDX-License-Identifier: MIT
#pragma once

#include <odt/cloud/object_store.hpp>
#include <odt/core/error.hpp>
#include <odt/core/target.hpp>

#include <algorithm>

namespace odt::cloud {

ODT_INLINE object_name parse_object_name(const std::string& path) {
  const std::size_t begin = path.find("://") + 3, slash = std::min(path.find('/', begin), path.size());
  if (slash == begin) fail(path, ": names no bucket; ", path.substr(0, begin), "bucket/name is expected");
  return {path, path.substr(begin, slash - begin), path.substr(std::min(slash + 1, path.size()))};
}

}  // namespace odt::cloud
