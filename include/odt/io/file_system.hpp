// SPDX-License-Identifier: MIT
// What paths lead to: the machine's own files, or objects of a store that the path's scheme names ("gs://bucket/name").
// file.hpp and file_writer.hpp go through this interface, so that whoever takes a path takes either kind.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace odt {

/// A file open for reads at any place, from any thread. All reads see one version of its content, or fail.
class open_file {
 public:
  virtual ~open_file() = default;

  virtual std::uint64_t size() const = 0;

  /// As much as there is from `offset` on, at most out.size() bytes; returns how many.
  virtual std::size_t read_some_at(std::uint64_t offset, std::span<char> out) const = 0;

  /// These bytes will be read soon. A hint: far away stores fetch them meanwhile.
  virtual void expect(std::uint64_t /*offset*/, std::uint64_t /*size*/) const {}

  /// What was read here had a wrong checksum: forgets it. Whether another read may bring something else.
  virtual bool forget(std::uint64_t /*offset*/, std::uint64_t /*size*/) const { return false; }

  /// A path of the machine's own that opens it while it is open; empty: there is none.
  virtual std::string reachable_path() const { return {}; }
};

/// A file in the making, which nobody sees before it takes its name. When it is destroyed before that, nothing is left
/// of it and what was at its path stays. Errors name the path.
class unfinished_file {
 public:
  virtual ~unfinished_file() = default;

  virtual void write(std::string_view bytes) = 0;

  /// Whether what was written so far is what the file at the path holds already; false where that would take too long.
  virtual bool unchanged() { return false; }

  virtual void settle() = 0;     ///< does all that can fail for want of space; no writes afterwards
  virtual void take_name() = 0;  ///< the one step that others see

  /// Where several files take their names together, each is asked to remember what was there, so that it can give it
  /// back when a later one fails. Not every store can.
  virtual void keep_earlier() {}
  virtual void give_back() noexcept {}

  virtual void make_durable() {}  ///< the name, after a crash of the machine
};

struct file_status {
  bool is_directory = false;
  std::uint64_t size = 0;  ///< of a regular file
  bool is_regular = false;
};

/// Paths are given with their schemes. Every error names the path.
class file_system {
 public:
  virtual ~file_system() = default;

  virtual std::unique_ptr<open_file> open(const std::string& path) = 0;
  virtual std::unique_ptr<unfinished_file> create(const std::string& path) = 0;

  /// Nothing: there is neither a file nor a directory.
  virtual std::optional<file_status> status(const std::string& path) = 0;

  /// The files that a glob matches, sorted.
  virtual std::vector<std::string> matching(const std::string& pattern) = 0;

  virtual void make_directories(const std::string& path) = 0;
  virtual void remove(const std::string& path) = 0;  ///< no error when there is none
};

/// "gs" of "gs://bucket/name"; empty: a path of this machine.
std::string_view scheme_of(std::string_view path);
inline bool is_remote(std::string_view path) { return !scheme_of(path).empty(); }

/// Of this machine.
file_system& local_files();

/// The file system of a path. A scheme that nobody registered is an error, which says what to link.
file_system& file_system_of(const std::string& path);

/// Makes paths with this scheme lead there; also before main() and from any thread.
void register_file_system(const std::string& scheme, std::shared_ptr<file_system> files);

}  // namespace odt

#if defined(ODT_HEADER_ONLY)
#include <odt/io/file_system.ipp>
#endif
