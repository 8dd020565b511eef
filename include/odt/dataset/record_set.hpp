// SPDX-License-Identifier: MIT
// All records of a data set as one numbered list.
#pragma once

#include <odt/core/fingerprint.hpp>
#include <odt/io/tfrecord.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace odt {

/// The records of all files that the patterns match, indexed at opening: files in the order of their names, records in
/// the order of the file. Reading is safe from many threads.
class record_set {
 public:
  record_set() = default;

  /// Files without records are warned about; no records at all are an error.
  explicit record_set(const std::vector<std::string>& patterns);

  std::uint64_t size() const { return starts_.empty() ? 0 : starts_.back(); }
  const std::vector<record_file>& files() const { return files_; }
  std::string read(std::uint64_t record) const;

  /// `read` of that record comes soon.
  void expect(std::uint64_t record) const;

  std::uint64_t length(std::uint64_t record) const;  ///< in bytes
  /// Fills `out` with bytes of one record from `offset` on, without looking at its checksum.
  void read_part(std::uint64_t record, std::uint64_t offset, std::span<char> out) const;

  /// "path, record 3 (byte 1234)", for messages.
  std::string place(std::uint64_t record) const;

  /// A number that changes when files are added, removed, renamed, or change their lengths or numbers of records (not
  /// when they move to another directory).
  std::uint64_t fingerprint() const { return fingerprint_; }

  /// A number that changes when any byte of any record does, or their order (not when files are renamed).
  std::uint64_t contents() const { return contents_; }

 private:
  std::size_t file_of(std::uint64_t record) const;

  std::vector<record_file> files_;
  std::vector<std::uint64_t> starts_;  ///< number of the first record of each file; then of all
  std::uint64_t fingerprint_ = empty_fingerprint;
  std::uint64_t contents_ = empty_fingerprint;
};

}  // namespace odt

#if defined(ODT_HEADER_ONLY)
#include <odt/dataset/record_set.ipp>
#endif
