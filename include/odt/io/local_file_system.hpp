// SPDX-License-Identifier: MIT
// The machine's own files (POSIX).
#pragma once

#include <odt/io/file_system.hpp>

#include <memory>
#include <string>

namespace odt {

file_system& local_files();

/// Takes over an open descriptor; `path` is for messages.
std::unique_ptr<open_file> local_file(int descriptor, std::string path);

}  // namespace odt

#if defined(ODT_HEADER_ONLY)
#include <odt/io/local_file_system.ipp>
#endif
