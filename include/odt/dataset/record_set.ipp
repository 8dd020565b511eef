// SPDX-License-Identifier: MIT
#pragma once

#include <odt/core/error.hpp>
#include <odt/core/log.hpp>
#include <odt/core/target.hpp>
#include <odt/dataset/record_set.hpp>
#include <odt/io/file.hpp>
#include <odt/io/file_system.hpp>

#include <algorithm>
#include <atomic>
#include <exception>
#include <optional>
#include <string_view>
#include <thread>
#include <utility>

namespace odt {

namespace detail::records {

inline constexpr std::size_t opened_at_once = 16;

struct sized_file {
  record_file file;
  std::uint64_t bytes;  ///< as it lies there, compressed or not
};

ODT_INLINE sized_file open_one(const std::string& path) { return {record_file(path), file_size(path)}; }

/// Opens and indexes files of an object store, several at once, as each takes its time to answer.
ODT_INLINE std::vector<sized_file> open_remote(const std::vector<std::string>& paths) {
  std::vector<std::optional<sized_file>> opened(paths.size());
  std::vector<std::exception_ptr> errors(paths.size());
  std::atomic<std::size_t> next{0};
  {
    std::vector<std::jthread> threads;
    for (std::size_t i = 0; i < std::min(opened_at_once, paths.size()); ++i)
      threads.emplace_back([&] {
        for (std::size_t mine; (mine = next++) < paths.size();) try {
            opened[mine] = open_one(paths[mine]);
          } catch (...) {
            errors[mine] = std::current_exception();
            next = paths.size();
          }
      });
  }
  for (const std::exception_ptr& error : errors)
    if (error) std::rethrow_exception(error);
  std::vector<sized_file> files;
  for (std::optional<sized_file>& file : opened) files.push_back(std::move(*file));
  return files;
}

ODT_INLINE std::vector<sized_file> open_all(const std::vector<std::string>& paths) {
  if (std::ranges::any_of(paths, is_remote)) return open_remote(paths);
  std::vector<sized_file> files;
  for (const std::string& path : paths) files.push_back(open_one(path));
  return files;
}

}  // namespace detail::records

ODT_INLINE record_set::record_set(const std::vector<std::string>& patterns) {
  if (patterns.empty()) fail("no record files are named; input_path has to name at least one");
  starts_.push_back(0);
  for (auto& [file, bytes] : detail::records::open_all(expand_globs(patterns))) {
    const std::string& path = file.path();
    if (file.size() == 0) warn(path, ": this record file holds no records");
    starts_.push_back(starts_.back() + file.size());
    const std::string_view name = std::string_view(path).substr(path.find_last_of('/') + 1);
    fingerprint_ = odt::fingerprint(fingerprint_, str(name, ":", bytes, ":", file.size(), "\n"));
    contents_ = odt::fingerprint(contents_, file.contents());
    files_.push_back(std::move(file));
  }
  if (size() == 0)
    fail(join(patterns, ", "), ": ", files_.size() == 1 ? "this file holds" : "these files hold",
         " no records; there has to be at least one example");
}

ODT_INLINE std::size_t record_set::file_of(std::uint64_t record) const {
  if (record >= size()) fail("there is no record ", record, " among ", size());
  return static_cast<std::size_t>(std::ranges::upper_bound(starts_, record) - starts_.begin()) - 1;
}

ODT_INLINE std::string record_set::read(std::uint64_t record) const {
  const std::size_t file = file_of(record);
  return files_[file].read(static_cast<std::size_t>(record - starts_[file]));
}

ODT_INLINE void record_set::expect(std::uint64_t record) const {
  const std::size_t file = file_of(record);
  files_[file].expect(static_cast<std::size_t>(record - starts_[file]));
}

ODT_INLINE std::uint64_t record_set::length(std::uint64_t record) const {
  const std::size_t file = file_of(record);
  return files_[file].positions()[static_cast<std::size_t>(record - starts_[file])].length;
}

ODT_INLINE void record_set::read_part(std::uint64_t record, std::uint64_t offset, std::span<char> out) const {
  const std::size_t file = file_of(record);
  files_[file].read_part(static_cast<std::size_t>(record - starts_[file]), offset, out);
}

ODT_INLINE std::string record_set::place(std::uint64_t record) const {
  const std::size_t file = file_of(record);
  return files_[file].place(static_cast<std::size_t>(record - starts_[file]));
}

}  // namespace odt
