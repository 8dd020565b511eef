// SPDX-License-Identifier: MIT
// The machine's own files (POSIX).
#pragma once

#include <odt/io/file_system.hpp>

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

namespace odt {

/// Takes over an open descriptor; `path` is for messages.
std::unique_ptr<open_file> local_file(int descriptor, std::string path);

namespace detail::local {

inline constexpr std::size_t buffer_bytes = 1 << 18;

[[noreturn]] void fail_write(const std::string& path, int code);

/// write(2) until all is written. Returns false with errno set when that fails.
bool write_all(int descriptor, std::string_view bytes);

}  // namespace detail::local

}  // namespace odt

#if defined(ODT_HEADER_ONLY)
#include <odt/io/local_file_system.ipp>
#endif
