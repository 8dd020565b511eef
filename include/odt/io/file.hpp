// SPDX-License-Identifier: MIT
// Files: read whole or at places, found by globs, written so that a kill at any moment leaves what was there before.
// Every error names the path and says why (the system's own words). Paths with a scheme, "gs://bucket/name", are
// objects of a store (file_system.hpp): their directories are there as long as something is in them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace odt {

class open_file;

/// The whole content of a file.
std::string read_file(const std::string& path);

/// Replaces the file by this content, atomically (see atomic_writer in file_writer.hpp).
void write_file(const std::string& path, std::string_view content);

/// Size in bytes of an existing regular file.
std::uint64_t file_size(const std::string& path);

bool file_exists(const std::string& path);
bool is_directory(const std::string& path);

/// Makes the directory and those above it, unless they are there.
void make_directories(const std::string& path);

/// Removes the file; it is no error when there is none.
void remove_file(const std::string& path);

/// Of this machine, in the names of unfinished files and locks.
std::string host_name();

/// A name beside `path` for what is written until it is whole: hidden, so that no glob for data finds it, and with the
/// process that writes it.
std::string unfinished_name(const std::string& path);

/// Removes what processes of this machine that have ended left unfinished in the directory; says how many files.
int remove_unfinished(const std::string& directory);

/// "a", "b" -> "a/b"; an absolute b stays as it is.
std::string join_path(std::string_view directory, std::string_view name);

/// "a/b" -> "a", "/b" -> "/", "b" -> ".".
std::string directory_of(const std::string& path);

/// A glob that matches this path alone.
std::string glob_of(std::string_view path);

/// The files that one glob (`*`, `?`, `[a-z]`; none of them matches "/") matches, sorted; perhaps none.
std::vector<std::string> matching_files(const std::string& pattern);

/// All files that the patterns (`*`, `?`, `[a-z]`; `name@10` for the ten shards of a set; one string may hold several,
/// separated by commas) match, each once.
/// A pattern that matches nothing is an error; missing members of a sharded set
/// (`name-00003-of-00010`) are reported as a warning.
std::vector<std::string> expand_globs(const std::vector<std::string>& patterns);

/// The name of one file of a sharded set: shard_name("train.record", 3, 10) is "train.record-00003-of-00010".
std::string shard_name(std::string_view path, int shard, int shards);

/// An open file for reads at any place, from any thread. See open_file in file_system.hpp.
class input_file {
 public:
  explicit input_file(std::string path);

  /// Takes over an open descriptor; `path` is for messages.
  input_file(int descriptor, std::string path);

  /// Fills `out` from `offset`; the file ending before that is an error.
  void read_at(std::uint64_t offset, std::span<char> out) const;

  /// Reads as much as there is, at most out.size() bytes; returns how many.
  std::size_t read_some_at(std::uint64_t offset, std::span<char> out) const;

  /// These bytes will be read soon.
  void expect(std::uint64_t offset, std::uint64_t size) const;

  /// What was read here had a wrong checksum; whether another read may bring something else.
  bool forget(std::uint64_t offset, std::uint64_t size) const;

  std::uint64_t size() const;
  const std::string& path() const { return path_; }

  /// A path of this machine that opens it while it is open, also when the file has no name of its own; empty: the file
  /// lies elsewhere.
  std::string reachable_path() const;

 private:
  std::string path_;
  std::shared_ptr<const open_file> file_;
};

}  // namespace odt

#if defined(ODT_HEADER_ONLY)
#include <odt/io/file.ipp>
#endif
