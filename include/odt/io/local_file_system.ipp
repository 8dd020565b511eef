// SPDX-License-Identifier: MIT
#pragma once

#include <odt/core/error.hpp>
#include <odt/core/target.hpp>
#include <odt/io/file.hpp>
#include <odt/io/local_file_system.hpp>

#include <fcntl.h>
#include <glob.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

namespace odt {

namespace detail::local {

[[noreturn]] ODT_INLINE void fail_system(const std::string& path, std::string_view doing) {
  const int code = errno;
  fail(path, ": cannot ", doing, ": ", std::strerror(code));
}

ODT_INLINE void fail_write(const std::string& path, int code) { fail(path, ": cannot write: ", std::strerror(code)); }

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
  const int descriptor = ::open(directory_of(path).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) return;
  const int code = ::fsync(descriptor) == 0 ? 0 : errno;
  ::close(descriptor);
  if (code == EIO || code == ENOSPC || code == EDQUOT) fail_write(path, code);
}

class readable : public open_file {
 public:
  readable(int descriptor, std::string path) : descriptor_(descriptor), path_(std::move(path)) {}
  ~readable() override { ::close(descriptor_); }
  readable(const readable&) = delete;
  readable& operator=(const readable&) = delete;

  std::uint64_t size() const override {
    struct stat status {};
    if (::fstat(descriptor_, &status) != 0) fail_system(path_, "read");
    return static_cast<std::uint64_t>(status.st_size);
  }

  std::size_t read_some_at(std::uint64_t offset, std::span<char> out) const override {
    std::size_t got = 0;
    while (got < out.size()) {
      const ssize_t count = ::pread(descriptor_, out.data() + got, out.size() - got, static_cast<off_t>(offset + got));
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) fail_system(path_, "read");
      if (count == 0) break;
      got += static_cast<std::size_t>(count);
    }
    return got;
  }

  std::string reachable_path() const override {
    struct stat mine {
    }, named{};
    const bool same = ::fstat(descriptor_, &mine) == 0 && ::stat(path_.c_str(), &named) == 0 &&
                      mine.st_dev == named.st_dev && mine.st_ino == named.st_ino;
    return same ? path_ : str("/dev/fd/", descriptor_);
  }

 private:
  int descriptor_;
  std::string path_;
};

/// Written under a temporary name beside its path, then renamed.
class writable : public unfinished_file {
 public:
  explicit writable(std::string path) : path_(std::move(path)) {
    if (is_directory(path_)) fail(path_, ": cannot write: a directory is there");
    temporary_ = unfinished_name(path_);
    descriptor_ = ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (descriptor_ < 0) local::fail_write(path_, errno);
    buffer_.reserve(buffer_bytes);
  }
  ~writable() override { discard(); }
  writable(const writable&) = delete;
  writable& operator=(const writable&) = delete;

  void write(std::string_view bytes) override {
    if (buffer_.size() + bytes.size() > buffer_bytes) flush();
    if (bytes.size() >= buffer_bytes) {
      buffer_.assign(bytes);
      flush();
    } else {
      buffer_ += bytes;
    }
    size_ += bytes.size();
  }

  bool unchanged() override {
    flush();
    if (!file_exists(path_) || file_size(path_) != size_) return false;
    const input_file before(path_), now(temporary_);
    std::string a(buffer_bytes, '\0'), b = a;
    for (std::uint64_t at = 0; at < size_; at += a.size()) {
      const std::size_t count = before.read_some_at(at, a);
      if (count != now.read_some_at(at, b) ||
          !std::equal(a.begin(), a.begin() + static_cast<std::ptrdiff_t>(count), b.begin()))
        return false;
    }
    return true;
  }

  void settle() override {
    flush();
    if (::fsync(descriptor_) != 0 || ::close(std::exchange(descriptor_, -1)) != 0) fail_write();
  }

  /// Where the file system has no second names, what was there cannot be given back.
  void keep_earlier() override {
    std::string name = unfinished_name(path_);
    if (::link(path_.c_str(), name.c_str()) == 0)
      earlier_ = std::move(name);
    else
      fresh_ = errno == ENOENT;
  }

  void take_name() override {
    if (::rename(temporary_.c_str(), path_.c_str()) != 0) fail_write();
    temporary_.clear();
    named_ = true;
  }

  void give_back() noexcept override {
    if (!std::exchange(named_, false)) return;
    if (fresh_) ::unlink(path_.c_str());
    if (!earlier_.empty() && ::rename(earlier_.c_str(), path_.c_str()) == 0) earlier_.clear();
  }

  void make_durable() override {
    discard();
    sync_directory_of(path_);
  }

 private:
  void discard() noexcept {
    if (descriptor_ >= 0) ::close(std::exchange(descriptor_, -1));
    for (std::string* name : {&temporary_, &earlier_})
      if (!name->empty()) ::unlink(std::exchange(*name, {}).c_str());
  }

  [[noreturn]] void fail_write() {
    const int code = errno;
    discard();
    local::fail_write(path_, code);
  }

  void flush() {
    if (descriptor_ < 0) fail(path_, ": cannot write: the file is finished, or an earlier write failed");
    if (!write_all(descriptor_, buffer_)) fail_write();
    buffer_.clear();
  }

  std::string path_, temporary_, earlier_, buffer_;
  int descriptor_ = -1;
  bool fresh_ = false, named_ = false;  // nothing was at the path; something of ours is
  std::uint64_t size_ = 0;
};

class files : public file_system {
 public:
  std::unique_ptr<open_file> open(const std::string& path) override {
    const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) fail_system(path, "open");
    auto file = std::make_unique<readable>(descriptor, path);
    if (is_directory(path)) fail(path, ": is a directory, not a file");
    return file;
  }

  std::unique_ptr<unfinished_file> create(const std::string& path) override { return std::make_unique<writable>(path); }

  std::optional<file_status> status(const std::string& path) override {
    struct stat status {};
    if (::stat(path.c_str(), &status) != 0) return std::nullopt;
    return file_status{S_ISDIR(status.st_mode), static_cast<std::uint64_t>(status.st_size), S_ISREG(status.st_mode)};
  }

  std::vector<std::string> matching(const std::string& pattern) override {
    glob_t found{};
    const int status = ::glob(pattern.c_str(), 0, nullptr, &found);
    std::vector<std::string> paths;
    if (status == 0) paths.assign(found.gl_pathv, found.gl_pathv + found.gl_pathc);
    ::globfree(&found);
    if (status != 0 && status != GLOB_NOMATCH) fail(pattern, ": cannot search for files");
    std::erase_if(paths, is_directory);
    std::ranges::sort(paths);
    return paths;
  }

  void make_directories(const std::string& path) override {
    std::error_code code;
    std::filesystem::create_directories(path, code);
    if (code || !is_directory(path))
      fail(path, ": cannot make the directory: ", code ? code.message() : std::string("a file is there"));
  }

  void remove(const std::string& path) override {
    if (::unlink(path.c_str()) != 0 && errno != ENOENT) fail_system(path, "remove the file");
  }
};

}  // namespace detail::local

ODT_INLINE file_system& local_files() {
  static detail::local::files files;
  return files;
}

ODT_INLINE std::unique_ptr<open_file> local_file(int descriptor, std::string path) {
  return std::make_unique<detail::local::readable>(descriptor, std::move(path));
}

}  // namespace odt
