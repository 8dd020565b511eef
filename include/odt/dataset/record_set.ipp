// SPDX-License-Identifier: MIT
#pragma once

#include <odt/core/error.hpp>
#include <odt/core/log.hpp>
#include <odt/core/target.hpp>
#include <odt/dataset/record_set.hpp>
#include <odt/io/file.hpp>

#include <algorithm>
#include <string_view>

namespace odt {

ODT_INLINE record_set::record_set(const std::vector<std::string>& patterns) {
  if (patterns.empty()) fail("no record files are named; input_path has to name at least one");
  starts_.push_back(0);
  for (const std::string& path : expand_globs(patterns)) {
    files_.emplace_back(path);
    const record_file& file = files_.back();
    if (file.size() == 0) warn(path, ": this record file holds no records");
    starts_.push_back(starts_.back() + file.size());
    const std::string_view name = std::string_view(path).substr(path.find_last_of('/') + 1);
    fingerprint_ = odt::fingerprint(fingerprint_, str(name, ":", file_size(path), ":", file.size(), "\n"));
    contents_ = odt::fingerprint(contents_, file.contents());
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
