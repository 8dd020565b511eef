// SPDX-License-Identifier: MIT
#pragma once

#include <odt/core/error.hpp>
#include <odt/core/target.hpp>
#include <odt/io/file_system.hpp>
#include <odt/io/file_writer.hpp>
#include <odt/io/local_file_system.hpp>

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <utility>

namespace odt {

// atomic_writer

ODT_INLINE atomic_writer::atomic_writer(std::string path)
    : path_(std::move(path)), file_(file_system_of(path_).create(path_)) {}

ODT_INLINE atomic_writer::~atomic_writer() = default;
ODT_INLINE atomic_writer::atomic_writer(atomic_writer&& other) noexcept = default;

ODT_INLINE void atomic_writer::write(std::string_view bytes) {
  file_->write(bytes);
  size_ += bytes.size();
}

ODT_INLINE bool atomic_writer::unchanged() { return file_->unchanged(); }

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
  for (atomic_writer* writer : writers) writer->file_->settle();
  try {
    for (atomic_writer* writer : writers) {
      if (writers.size() > 1) writer->file_->keep_earlier();
      writer->file_->take_name();
    }
  } catch (const error&) {
    for (atomic_writer* writer : writers) writer->file_->give_back();
    throw;
  }
  for (atomic_writer* writer : writers) writer->file_->make_durable();
}

// append_writer

ODT_INLINE append_writer::append_writer(std::string path) : path_(std::move(path)) {
  if (is_remote(path_)) return;
  descriptor_ = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
  if (descriptor_ < 0) detail::local::fail_write(path_, errno);
}

ODT_INLINE append_writer::~append_writer() {
  if (descriptor_ < 0) {
    try {
      add_file();
    } catch (const error&) {  // close() would have told
    }
    return;
  }
  detail::local::write_all(descriptor_, buffer_);
  ::close(descriptor_);
}

ODT_INLINE void append_writer::close() {
  if (is_remote(path_)) return add_file();
  flush();
  if (::close(std::exchange(descriptor_, -1)) != 0) detail::local::fail_write(path_, errno);
}

ODT_INLINE void append_writer::write(std::string_view bytes) {
  buffer_ += bytes;
  if (descriptor_ >= 0 && buffer_.size() >= detail::local::buffer_bytes) flush();
}

ODT_INLINE void append_writer::flush() {
  if (is_remote(path_)) {
    if (files_ == 0 || std::chrono::steady_clock::now() - last_ >= remote_period) add_file();
    return;
  }
  const std::string bytes = std::exchange(buffer_, {});
  if (!detail::local::write_all(descriptor_, bytes)) detail::local::fail_write(path_, errno);
}

ODT_INLINE void append_writer::add_file() {
  if (buffer_.empty()) return;
  const std::string digits = std::to_string(files_);
  write_file(files_ == 0 ? path_ : str(path_, ".", std::string(digits.size() < 6 ? 6 - digits.size() : 0, '0'), digits),
             buffer_);
  buffer_.clear();
  ++files_;
  last_ = std::chrono::steady_clock::now();
}

}  // namespace odt
