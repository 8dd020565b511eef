// SPDX-License-Identifier: MIT
// Files that are written: whole under their names or not at all, several together, or appended to.
#pragma once

#include <odt/io/file.hpp>

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace odt {

/// Writes `path` under a temporary name beside it; `commit` makes it durable (fsync) and gives it its name in one
/// step. Without commit, or when anything fails, the temporary is removed and what was at `path` stays.
class atomic_writer {
 public:
  explicit atomic_writer(std::string path);
  ~atomic_writer();
  atomic_writer(atomic_writer&& other) noexcept;
  atomic_writer& operator=(atomic_writer&&) = delete;

  void write(std::string_view bytes);

  /// Bytes written so far.
  std::uint64_t size() const { return size_; }

  /// Whether what was written so far is what the file at `path` holds already.
  bool unchanged();

  /// Flushes, syncs and renames; no writes afterwards.
  void commit();

  const std::string& path() const { return path_; }

 private:
  friend void commit_together(std::span<atomic_writer* const> writers);

  void flush();
  void settle();        // all that can fail for want of space
  void take_name();     // the rename
  void keep_earlier();  // a second name for what is at `path`
  void give_back() noexcept;
  void discard() noexcept;
  [[noreturn]] void fail_write();

  std::string path_, temporary_, earlier_, buffer_;
  int descriptor_ = -1;
  bool fresh_ = false, named_ = false;  // nothing was at `path`; something of ours is
  std::uint64_t size_ = 0;
};

/// Commits several files, all or none: when one cannot be committed, what was at the paths of all of them is as before.
/// (A kill between two renames may leave some of the new files; each of them is whole.)
void commit_together(std::span<atomic_writer* const> writers);

/// Appends to a file that others may read meanwhile (event files).
class append_writer {
 public:
  explicit append_writer(std::string path);
  ~append_writer();
  append_writer(const append_writer&) = delete;
  append_writer& operator=(const append_writer&) = delete;

  void write(std::string_view bytes);
  void flush();

  /// Flushes and closes; no writes afterwards. Without it the destructor does so, and a full disk goes unnoticed.
  void close();

  const std::string& path() const { return path_; }

 private:
  std::string path_, buffer_;
  int descriptor_ = -1;
};

}  // namespace odt

#if defined(ODT_HEADER_ONLY)
#include <odt/io/file_writer.ipp>
#endif
