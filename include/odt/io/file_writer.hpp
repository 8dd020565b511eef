// SPDX-License-Identifier: MIT
// Files that are written: whole under their names or not at all, several together, or appended to.
#pragma once

#include <odt/io/file.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace odt {

class unfinished_file;

/// Writes `path` so that nobody sees it before it is whole: on this machine under a temporary name beside it. `commit`
/// makes it durable (fsync) and gives it its name in one step. Without commit, or when anything fails, nothing of it is
/// left and what was at `path` stays.
class atomic_writer {
 public:
  explicit atomic_writer(std::string path);
  ~atomic_writer();
  atomic_writer(atomic_writer&& other) noexcept;
  atomic_writer& operator=(atomic_writer&&) = delete;

  void write(std::string_view bytes);

  /// Bytes written so far.
  std::uint64_t size() const { return size_; }

  /// Whether what was written so far is what the file at `path` holds already; of an object store always false.
  bool unchanged();

  /// Flushes, syncs and renames; no writes afterwards.
  void commit();

  const std::string& path() const { return path_; }

 private:
  friend void commit_together(std::span<atomic_writer* const> writers);

  std::string path_;
  std::unique_ptr<unfinished_file> file_;
  std::uint64_t size_ = 0;
};

/// Commits several files, all or none: when one cannot be committed, what was at the paths of all of them is as before.
/// (A kill between two renames may leave some of the new files; each of them is whole. Object stores get the names in
/// this order, and give nothing back.)
void commit_together(std::span<atomic_writer* const> writers);

/// Appends to a file that others may read meanwhile (event files). Object stores cannot append: there it writes the
/// sequence path, path.000001, path.000002, ..., one at the first flush, at flushes a minute or more apart, and at the
/// end.
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
  static constexpr std::chrono::seconds remote_period{60};

  void add_file();  // of a sequence

  std::string path_, buffer_;
  int descriptor_ = -1;
  int files_ = 0;
  std::chrono::steady_clock::time_point last_{};
};

}  // namespace odt

#if defined(ODT_HEADER_ONLY)
#include <odt/io/file_writer.ipp>
#endif
