// SPDX-License-Identifier: MIT
#pragma once

#include <odt/core/error.hpp>
#include <odt/core/target.hpp>
#include <odt/io/unnamed_file.hpp>

#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <utility>

namespace odt {

namespace detail::unnamed {

/// Makes the file, gives it no name, and leaves in `name` the one that it had.
ODT_INLINE int open(const std::string& path, std::string& name) {
  const char* const chosen = std::getenv("TMPDIR");
  name = join_path(chosen && *chosen ? chosen : "/tmp", "odt-XXXXXX");
  const int descriptor = ::mkstemp(name.data());
  if (descriptor < 0) fail(name, ": cannot make a temporary file to inflate ", path, ": ", std::strerror(errno));
  ::unlink(name.c_str());
  return descriptor;
}

}  // namespace detail::unnamed

ODT_INLINE unnamed_file::unnamed_file(std::string path)
    : descriptor_(detail::unnamed::open(path, name_)), file_(descriptor_, std::move(path)) {}

ODT_INLINE void unnamed_file::write(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(descriptor_, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) fail(name_, ": cannot inflate ", file_.path(), " here: ", std::strerror(errno), "; set TMPDIR");
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
}

}  // namespace odt
