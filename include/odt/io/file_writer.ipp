// SPDX-License-Identifier: MIT
#pragma once

#include <odt/core/error.hpp>
#include <odt/core/target.hpp>
#include <odt/io/file_writer.hpp>

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

namespace odt {

namespace detail::file_writer {

inline constexpr std::size_t buffer_bytes = 1 << 18;

[[noreturn]] ODT_INLINE void fail_write(const std::string& path, int code) {
  fail(path, ": cannot write: ", std::strerror(code));
}

/// write(2) until all is written. Returns false with errno set when that fails.
ODT_INLINE bool write_all(int descriptor, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(descriptor, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

/// Makes renames in the directory of `path` durable. Filesystems that cannot sync directories are left alone.
ODT_INLINE void sync_directory_of(const std::string& path) {
  const auto slash = path.rfind('/');
  const std::string directory = slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
  const int descriptor = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) return;
  const int code = ::fsync(descriptor) == 0 ? 0 : errno;
  ::close(descriptor);
  if (code == EIO || code == ENOSPC || code == EDQUOT) fail_write(path, code);
}

}  // namespace detail::file_writer

// atomic_writer

ODT_INLINE atomic_writer::atomic_writer(std::string path) : path_(std::move(path)) {
  if (is_directory(path_)) fail(path_, ": cannot write: a directory is there");
  temporary_ = unfinished_name(path_);
  descriptor_ = ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (descriptor_ < 0) detail::file_writer::fail_write(path_, errno);
  buffer_.reserve(detail::file_writer::buffer_bytes);
}

ODT_INLINE atomic_writer::~atomic_writer() { discard(); }

ODT_INLINE atomic_writer::atomic_writer(atomic_writer&& other) noexcept
    : path_(std::move(other.path_)),
      temporary_(std::exchange(other.temporary_, {})),
      earlier_(std::exchange(other.earlier_, {})),
      buffer_(std::move(other.buffer_)),
      descriptor_(std::exchange(other.descriptor_, -1)),
      fresh_(other.fresh_),
      named_(other.named_),
      size_(other.size_) {}

ODT_INLINE void atomic_writer::discard() noexcept {
  if (descriptor_ >= 0) ::close(std::exchange(descriptor_, -1));
  for (std::string* name : {&temporary_, &earlier_})
    if (!name->empty()) ::unlink(std::exchange(*name, {}).c_str());
}

ODT_INLINE void atomic_writer::fail_write() {
  const int code = errno;
  discard();
  detail::file_writer::fail_write(path_, code);
}

ODT_INLINE void atomic_writer::flush() {
  if (descriptor_ < 0) fail(path_, ": cannot write: the file is finished, or an earlier write failed");
  if (!detail::file_writer::write_all(descriptor_, buffer_)) fail_write();
  buffer_.clear();
}

ODT_INLINE void atomic_writer::write(std::string_view bytes) {
  if (buffer_.size() + bytes.size() > detail::file_writer::buffer_bytes) flush();
  if (bytes.size() >= detail::file_writer::buffer_bytes) {
    buffer_.assign(bytes);
    flush();
  } else {
    buffer_ += bytes;
  }
  size_ += bytes.size();
}

ODT_INLINE bool atomic_writer::unchanged() {
  flush();
  if (!file_exists(path_) || file_size(path_) != size_) return false;
  const input_file before(path_), now(temporary_);
  std::string a(detail::file_writer::buffer_bytes, '\0'), b = a;
  for (std::uint64_t at = 0; at < size_; at += a.size()) {
    const std::size_t count = before.read_some_at(at, a);
    if (count != now.read_some_at(at, b) ||
        !std::equal(a.begin(), a.begin() + static_cast<std::ptrdiff_t>(count), b.begin()))
      return false;
  }
  return true;
}

ODT_INLINE void atomic_writer::settle() {
  flush();
  if (::fsync(descriptor_) != 0 || ::close(std::exchange(descriptor_, -1)) != 0) fail_write();
}

/// Where the file system has no second names, what was there cannot be given back.
ODT_INLINE void atomic_writer::keep_earlier() {
  std::string name = unfinished_name(path_);
  if (::link(path_.c_str(), name.c_str()) == 0)
    earlier_ = std::move(name);
  else
    fresh_ = errno == ENOENT;
}

ODT_INLINE void atomic_writer::take_name() {
  if (::rename(temporary_.c_str(), path_.c_str()) != 0) fail_write();
  temporary_.clear();
  named_ = true;
}

ODT_INLINE void atomic_writer::give_back() noexcept {
  if (!std::exchange(named_, false)) return;
  if (fresh_) ::unlink(path_.c_str());
  if (!earlier_.empty() && ::rename(earlier_.c_str(), path_.c_str()) == 0) earlier_.clear();
}

ODT_INLINE void atomic_writer::commit() {
  const std::array<atomic_writer*, 1> one{this};
  commit_together(one);
}

ODT_INLINE void write_file(const std::string& path, std::string_view content) {
  atomic_writer file(path);
  file.write(content);
  file.commit();
}

ODT_INLINE void commit_together(std::span<atomic_writer* const> writers) {
  for (atomic_writer* writer : writers) writer->settle();
  try {
    for (atomic_writer* writer : writers) {
      if (writers.size() > 1) writer->keep_earlier();
      writer->take_name();
    }
  } catch (const error&) {
    for (atomic_writer* writer : writers) writer->give_back();
    throw;
  }
  for (atomic_writer* writer : writers) writer->discard();
  for (const atomic_writer* writer : writers) detail::file_writer::sync_directory_of(writer->path());
}

// append_writer

ODT_INLINE append_writer::append_writer(std::string path)
    : path_(std::move(path)), descriptor_(::open(path_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666)) {
  if (descriptor_ < 0) detail::file_writer::fail_write(path_, errno);
}

ODT_INLINE append_writer::~append_writer() {
  if (descriptor_ < 0) return;
  detail::file_writer::write_all(descriptor_, buffer_);
  ::close(descriptor_);
}

ODT_INLINE void append_writer::close() {
  flush();
  if (::close(std::exchange(descriptor_, -1)) != 0) detail::file_writer::fail_write(path_, errno);
}

ODT_INLINE void append_writer::write(std::string_view bytes) {
  buffer_ += bytes;
  if (buffer_.size() >= detail::file_writer::buffer_bytes) flush();
}

ODT_INLINE void append_writer::flush() {
  const std::string bytes = std::exchange(buffer_, {});
  if (!detail::file_writer::write_all(descriptor_, bytes)) detail::file_writer::fail_write(path_, errno);
}

}  // namespace odt
