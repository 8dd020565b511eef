// SPDX-License-Identifier: MIT
#pragma once

#include <odt/core/error.hpp>
#include <odt/core/log.hpp>
#include <odt/core/target.hpp>
#include <odt/io/directory_lock.hpp>
#include <odt/io/file.hpp>
#include <odt/io/file_system.hpp>

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <ctime>
#include <utility>

namespace odt {

namespace detail::lock {

/// Of this process: "process 4711 on host, since 2026-01-31 12:00:00".
ODT_INLINE std::string holder() {
  char since[32] = "";
  const std::time_t now = std::time(nullptr);
  std::tm local{};
  if (::localtime_r(&now, &local)) std::strftime(since, sizeof since, "%Y-%m-%d %H:%M:%S", &local);
  return str("process ", static_cast<int>(::getpid()), " on ", host_name(), ", since ", since);
}

}  // namespace detail::lock

ODT_INLINE directory_lock::directory_lock(const std::string& directory, std::string_view doing) {
  make_directories(directory);
  if (is_remote(directory)) return;
  const std::string path = join_path(directory, ".odt.lock");
  descriptor_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (descriptor_ < 0) fail(path, ": cannot write: ", std::strerror(errno));
  if (::flock(descriptor_, LOCK_EX | LOCK_NB) == 0) {
    const std::string text = detail::lock::holder();
    if (::ftruncate(descriptor_, 0) != 0 || ::pwrite(descriptor_, text.data(), text.size(), 0) < 0)
      warn(path, ": cannot write: ", std::strerror(errno));
    return;
  }
  const int code = errno;
  ::close(std::exchange(descriptor_, -1));
  if (code == EWOULDBLOCK) fail(directory, ": another odt (", read_file(path), ") ", doing);
  warn(path, ": cannot lock: ", std::strerror(code), "; let no other odt work in this directory");
}

ODT_INLINE directory_lock::~directory_lock() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

ODT_INLINE directory_lock::directory_lock(directory_lock&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)) {}

}  // namespace odt
