// SPDX-License-Identifier: MIT
#pragma once

#include <odt/core/error.hpp>
#include <odt/core/fingerprint.hpp>
#include <odt/core/target.hpp>
#include <odt/io/crc32c.hpp>
#include <odt/io/tfrecord.hpp>
#include <odt/io/uncompressed_bytes.ipp>
#include <odt/io/unnamed_file.hpp>

#include <zlib.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

namespace odt {

namespace detail::record {

inline constexpr std::size_t header_bytes = 12, footer_bytes = 4;
inline constexpr std::size_t chunk_bytes = 1 << 18;

template <class Word>
Word load(const char* from) {
  Word value = 0;
  for (std::size_t i = sizeof(Word); i-- > 0;) value = (value << 8) | static_cast<unsigned char>(from[i]);
  return value;
}

template <class Word>
void store(Word value, char* to) {
  for (std::size_t i = 0; i < sizeof(Word); ++i) to[i] = static_cast<char>(value >> (8 * i));
}

ODT_INLINE bool valid_header(const char* header) {
  return masked_crc32c({header, 8}) == load<std::uint32_t>(header + 8);
}

ODT_INLINE std::string describe_place(const std::string& path, std::uint64_t record, std::uint64_t byte) {
  return str(path, ", record ", record, " (byte ", byte, ")");
}

ODT_INLINE std::uint64_t length_of(const char* header, const std::string& place) {
  if (!valid_header(header))
    fail(place, ": wrong checksum of the length: the file is damaged here, or is no (plain) TFRecord file");
  return load<std::uint64_t>(header);
}

ODT_INLINE bool valid_data(std::string_view data, const char* footer) {
  return masked_crc32c(data) == load<std::uint32_t>(footer);
}

ODT_INLINE void check_data(std::string_view data, const char* footer, const std::string& place) {
  if (!valid_data(data, footer))
    fail(place, ": wrong checksum of the data (", data.size(), " bytes): the file is damaged here; write it anew");
}

[[noreturn]] ODT_INLINE void fail_cut(const std::string& place, std::uint64_t expected, std::uint64_t got) {
  fail(place, ": cut short: ", expected, " bytes expected, the file ends after ", got, "; write it anew");
}

/// Reads `wanted` bytes, or fewer where the file ends; grows in steps, as the length of what is compressed is not
/// known.
ODT_INLINE void read_data(uncompressed_bytes& from, std::uint64_t wanted, std::string& record) {
  record.clear();
  if (wanted > from.left()) wanted = from.left();
  while (record.size() < wanted) {
    const std::size_t had = record.size();
    const std::size_t step = std::min<std::uint64_t>(wanted - had, std::max<std::size_t>(std::size_t{1} << 24, had));
    record.resize(had + step);
    const std::size_t got = from.read({record.data() + had, step});
    record.resize(had + got);
    if (got < step) return;
  }
}

/// An unnamed file that holds the uncompressed records.
ODT_INLINE input_file inflate_to_temporary(const input_file& file, record_compression compression) {
  unnamed_file result(file.path());
  uncompressed_bytes from(file, compression);
  std::string chunk(chunk_bytes, '\0');
  while (const std::size_t count = from.read(chunk)) result.write({chunk.data(), count});
  return std::move(result).finish();
}

ODT_INLINE record_compression compression_of(const input_file& file) {
  std::array<char, header_bytes> head{};
  const std::size_t got = file.read_some_at(0, head);
  if (got == head.size() && valid_header(head.data())) return record_compression::none;
  const auto byte = [&head](std::size_t i) { return static_cast<unsigned>(static_cast<unsigned char>(head[i])); };
  if (byte(0) == 0x1f && byte(1) == 0x8b) return record_compression::gzip;
  if ((byte(0) & 0x0f) == 8 && byte(0) >> 4 <= 7 && (byte(0) * 256 + byte(1)) % 31 == 0)
    return record_compression::zlib;
  return record_compression::none;
}

ODT_INLINE input_file open_uncompressed(const std::string& path, record_compression compression) {
  input_file file(path);
  if (compression == record_compression::detect) compression = compression_of(file);
  if (compression == record_compression::none) return file;
  return inflate_to_temporary(file, compression);
}

struct indexed {
  std::vector<record_position> positions;
  std::uint64_t contents = empty_fingerprint;
};

ODT_INLINE indexed index(const input_file& file) {
  indexed all;
  const std::uint64_t size = file.size();
  std::array<char, footer_bytes + header_bytes> between;  // the checksum of one record, and the header of the next
  const std::span<char> header = std::span(between).subspan(footer_bytes);
  file.read_some_at(0, header);
  for (std::uint64_t at = 0; at < size;) {
    const std::string place = describe_place(file.path(), all.positions.size(), at);
    if (size - at < header_bytes) fail_cut(place, header_bytes, size - at);
    const std::uint64_t length = length_of(header.data(), place), left = size - at - header_bytes;
    if (left < footer_bytes || length > left - footer_bytes) fail_cut(place, length + footer_bytes, left);
    all.positions.push_back({at + header_bytes, length});
    at += header_bytes + length + footer_bytes;
    file.read_some_at(at - footer_bytes, between);
    all.contents = fingerprint(fingerprint(all.contents, length), load<std::uint32_t>(between.data()));
  }
  return all;
}

}  // namespace detail::record

ODT_INLINE record_compression detect_compression(const std::string& path) {
  return detail::record::compression_of(input_file(path));
}

// record_reader

struct record_reader::state {
  state(std::string path, record_compression compression)
      : file(std::move(path)),
        from(file, compression == record_compression::detect ? detail::record::compression_of(file) : compression) {}

  input_file file;
  detail::uncompressed_bytes from;
  record_position last;
  std::uint64_t count = 0;
};

ODT_INLINE record_reader::record_reader(std::string path, record_compression compression)
    : state_(std::make_unique<state>(std::move(path), compression)) {}
ODT_INLINE record_reader::~record_reader() = default;
ODT_INLINE record_reader::record_reader(record_reader&&) noexcept = default;
ODT_INLINE record_reader& record_reader::operator=(record_reader&&) noexcept = default;

ODT_INLINE bool record_reader::next(std::string& record, bool* cut_short) {
  namespace d = detail::record;
  const auto ends_early = [cut_short](const std::string& place, std::uint64_t expected, std::uint64_t got) {
    if (!cut_short) d::fail_cut(place, expected, got);
    *cut_short = true;
    return false;
  };
  const std::uint64_t start = state_->from.offset();
  std::array<char, d::header_bytes> header;
  const std::size_t got = state_->from.read(header);
  if (got == 0) return false;
  const std::string place = d::describe_place(state_->file.path(), state_->count, start);
  if (got < header.size()) return ends_early(place, header.size(), got);
  const std::uint64_t length = d::length_of(header.data(), place);
  d::read_data(state_->from, length + d::footer_bytes, record);
  if (record.size() < length + d::footer_bytes) return ends_early(place, length + d::footer_bytes, record.size());
  d::check_data({record.data(), length}, record.data() + length, place);
  record.resize(length);
  state_->last = {start + d::header_bytes, length};
  ++state_->count;
  return true;
}

ODT_INLINE std::uint64_t record_reader::count() const { return state_->count; }
ODT_INLINE record_position record_reader::position() const { return state_->last; }

ODT_INLINE std::string record_reader::place() const {
  if (state_->count == 0) return state_->file.path();
  return detail::record::describe_place(state_->file.path(), state_->count - 1,
                                        state_->last.offset - detail::record::header_bytes);
}

// record_file

ODT_INLINE record_file::record_file(std::string path, record_compression compression)
    : path_(std::move(path)), file_(detail::record::open_uncompressed(path_, compression)) {
  detail::record::indexed all = detail::record::index(file_);
  positions_ = std::move(all.positions);
  contents_ = all.contents;
}

ODT_INLINE std::string record_file::read(std::size_t index) const {
  const record_position& position = positions_.at(index);
  std::string record(position.length + detail::record::footer_bytes, '\0');
  file_.read_at(position.offset, record);
  const std::string_view data(record.data(), position.length);
  const char* const footer = record.data() + position.length;
  if (!detail::record::valid_data(data, footer) && file_.forget(position.offset, record.size()))
    file_.read_at(position.offset, record);  // it may have been damaged on the way
  detail::record::check_data(data, footer, place(index));
  record.resize(position.length);
  return record;
}

ODT_INLINE void record_file::expect(std::size_t index) const {
  const record_position& position = positions_.at(index);
  file_.expect(position.offset, position.length + detail::record::footer_bytes);
}

ODT_INLINE void record_file::read_part(std::size_t index, std::uint64_t offset, std::span<char> out) const {
  const record_position& position = positions_.at(index);
  if (offset > position.length || out.size() > position.length - offset)
    fail(place(index), ": has ", position.length, " bytes; ", out.size(), " from ", offset, " on are asked for");
  file_.read_at(position.offset + offset, out);
}

ODT_INLINE std::string record_file::place(std::size_t index) const {
  return detail::record::describe_place(path_, index, positions_.at(index).offset - detail::record::header_bytes);
}

ODT_INLINE std::vector<record_position> index_records(const std::string& path, record_compression compression) {
  return detail::record::index(detail::record::open_uncompressed(path, compression)).positions;
}

// record_writer

ODT_INLINE std::string frame_record(std::string_view data) {
  namespace d = detail::record;
  std::string framed(d::header_bytes, '\0');
  framed.reserve(d::header_bytes + data.size() + d::footer_bytes);
  d::store<std::uint64_t>(data.size(), framed.data());
  d::store<std::uint32_t>(masked_crc32c({framed.data(), 8}), framed.data() + 8);
  framed += data;
  framed.resize(framed.size() + d::footer_bytes);
  d::store<std::uint32_t>(masked_crc32c(data), framed.data() + framed.size() - d::footer_bytes);
  return framed;
}

struct record_writer::state {
  state(std::string path, record_compression how) : file(std::move(path)), compression(how) {
    if (how == record_compression::detect) fail(file.path(), ": say how to compress; `detect` is for reading");
    if (how == record_compression::none) return;
    const int window = how == record_compression::gzip ? 15 + 16 : 15;
    if (::deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, window, 9, Z_DEFAULT_STRATEGY) != Z_OK)
      fail(file.path(), ": cannot start zlib");
    output.resize(detail::record::chunk_bytes);
  }
  ~state() {
    if (compression != record_compression::none) ::deflateEnd(&stream);
  }

  void put(std::string_view bytes, int flush = Z_NO_FLUSH) {
    if (compression == record_compression::none) return file.write(bytes);
    do {
      const std::string_view piece = bytes.substr(0, std::size_t{1} << 30);
      bytes.remove_prefix(piece.size());
      stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(piece.data()));
      stream.avail_in = static_cast<uInt>(piece.size());
      do {
        stream.next_out = reinterpret_cast<Bytef*>(output.data());
        stream.avail_out = static_cast<uInt>(output.size());
        ::deflate(&stream, bytes.empty() ? flush : Z_NO_FLUSH);
        file.write({output.data(), output.size() - stream.avail_out});
      } while (stream.avail_out == 0);
    } while (!bytes.empty());
  }

  atomic_writer file;
  record_compression compression;
  z_stream stream{};
  std::string output;
  std::uint64_t count = 0;
};

ODT_INLINE record_writer::record_writer(std::string path, record_compression compression)
    : state_(std::make_unique<state>(std::move(path), compression)) {}
ODT_INLINE record_writer::~record_writer() = default;
ODT_INLINE record_writer::record_writer(record_writer&&) noexcept = default;

ODT_INLINE void record_writer::write(std::string_view record) {
  state_->put(frame_record(record));
  ++state_->count;
}

ODT_INLINE std::uint64_t record_writer::count() const { return state_->count; }

ODT_INLINE atomic_writer& record_writer::finish() {
  if (state_->compression != record_compression::none) state_->put({}, Z_FINISH);
  return state_->file;
}

ODT_INLINE void record_writer::commit() { finish().commit(); }

// sharded_record_writer

ODT_INLINE sharded_record_writer::sharded_record_writer(std::string_view path, int shards,
                                                        record_compression compression) {
  if (shards < 1) fail(path, ": ", shards, " shards; at least 1 is needed");
  for (int shard = 0; shard < shards; ++shard) {
    paths_.push_back(shard_name(path, shard, shards));
    shards_.emplace_back(paths_.back(), compression);
  }
}

ODT_INLINE void sharded_record_writer::write(int shard, std::string_view record) {
  shards_.at(static_cast<std::size_t>(shard)).write(record);
  ++count_;
}

ODT_INLINE void sharded_record_writer::commit() {
  std::vector<atomic_writer*> files;
  for (record_writer& shard : shards_) files.push_back(&shard.finish());
  commit_together(files);
}

}  // namespace odt
