// SPDX-License-Identifier: MIT
// TFRecord files: length (8 bytes, little endian), masked crc32c of the length, data, masked crc32c of the data; the
// whole file plain, GZIP or ZLIB. Both checksums are checked on every read; errors name the file, the record and its
// byte.
#pragma once

#include <odt/io/file_writer.hpp>
#include <odt/io/record_compression.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace odt {

/// Where the data of one record lies in the (uncompressed) stream.
struct record_position {
  std::uint64_t offset = 0;  ///< of the first byte of data, behind the 12 bytes of the header
  std::uint64_t length = 0;

  friend constexpr bool operator==(const record_position&, const record_position&) = default;
};

/// What the first bytes of the file say.
record_compression detect_compression(const std::string& path);

/// Reads records one after the other.
class record_reader {
 public:
  explicit record_reader(std::string path, record_compression compression = record_compression::detect);
  ~record_reader();
  record_reader(record_reader&&) noexcept;
  record_reader& operator=(record_reader&&) noexcept;

  /// The next record; false at the end of the file. A damaged or cut record is an error; where `cut_short` is given
  /// (for files that are still being written), a last record that is cut ends the file and sets it instead.
  bool next(std::string& record, bool* cut_short = nullptr);

  std::uint64_t count() const;       ///< records read so far
  record_position position() const;  ///< of the record read last
  std::string place() const;         ///< "path, record 3 (byte 1234)" of the record read last, counted from 0

 private:
  struct state;
  std::unique_ptr<state> state_;
};

/// A record file indexed for access in any order. Opening reads lengths and checksums only (and checks the lengths);
/// `read` checks the data. A compressed file is first inflated to an unnamed temporary file ($TMPDIR or /tmp),
/// which lives as long as this object. `read` may be called from many threads at once.
class record_file {
 public:
  explicit record_file(std::string path, record_compression compression = record_compression::detect);

  std::size_t size() const { return positions_.size(); }
  const std::vector<record_position>& positions() const { return positions_; }
  std::string read(std::size_t index) const;

  /// `read` of that record comes soon.
  void expect(std::size_t index) const;

  /// Fills `out` with bytes of one record from `offset` on, without looking at its checksum.
  void read_part(std::size_t index, std::uint64_t offset, std::span<char> out) const;

  std::string place(std::size_t index) const;  ///< "path, record 3 (byte 1234)", for messages

  /// A number of all lengths and checksums of data: it changes when any byte of any record does.
  std::uint64_t contents() const { return contents_; }

  const std::string& path() const { return path_; }

 private:
  std::string path_;
  input_file file_;
  std::vector<record_position> positions_;
  std::uint64_t contents_ = 0;
};

/// The positions of all records of a plain or compressed file.
std::vector<record_position> index_records(const std::string& path,
                                           record_compression compression = record_compression::detect);

/// The bytes of one record in a plain file: header, data, checksum.
std::string frame_record(std::string_view data);

/// Writes a record file; it gets its name when `commit` is called, else nothing is left.
class record_writer {
 public:
  explicit record_writer(std::string path, record_compression compression = record_compression::none);
  ~record_writer();
  record_writer(record_writer&&) noexcept;
  record_writer& operator=(record_writer&&) = delete;

  void write(std::string_view record);
  std::uint64_t count() const;
  void commit();

  /// Nothing more will be written: the file, for commit_together.
  atomic_writer& finish();

 private:
  struct state;
  std::unique_ptr<state> state_;
};

/// Writes the set path-00000-of-0000N ... with records dealt out in turn, or each to a shard of the caller's choice.
class sharded_record_writer {
 public:
  sharded_record_writer(std::string_view path, int shards, record_compression compression = record_compression::none);

  void write(std::string_view record) { write(static_cast<int>(count_ % shards_.size()), record); }
  void write(int shard, std::string_view record);
  std::uint64_t count() const { return count_; }
  std::vector<std::string> paths() const { return paths_; }

  /// All shards or none.
  void commit();

 private:
  std::vector<std::string> paths_;
  std::vector<record_writer> shards_;
  std::uint64_t count_ = 0;
};

}  // namespace odt

#if defined(ODT_HEADER_ONLY)
#include <odt/io/tfrecord.ipp>
#endif
