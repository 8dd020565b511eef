// SPDX-License-Identifier: MIT
// Zip archives, with their 64-bit form. Entries that are stored or deflated are read, and their checksums checked.
#pragma once

#include <odt/core/error.hpp>
#include <odt/core/target.hpp>
#include <odt/io/file.hpp>
#include <odt/io/little_endian.ipp>

#include <zlib.h>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace odt::detail {

/// A file of a zip archive.
struct zip_entry {
  std::string name;
  int method = 0;
  std::uint32_t crc = 0;
  std::uint64_t stored = 0;  ///< bytes in the archive
  std::uint64_t size = 0;    ///< bytes of the content
  std::uint64_t header = 0;  ///< where its header begins
};

/// The list of files is read at once, their contents when they are asked for.
class zip_file {
 public:
  explicit zip_file(std::shared_ptr<const input_file> file) : file_(std::move(file)), bytes_(file_->size()) {
    const place list = find_list();
    if (list.bytes > bytes_ || list.offset > bytes_ - list.bytes)
      fail_damaged("its list of files lies beyond its end, at byte ", list.offset);
    read_list(read(list.offset, list.bytes), list);
    std::ranges::sort(entries_, {}, &zip_entry::name);
    const auto twice = std::ranges::adjacent_find(entries_, {}, &zip_entry::name);
    if (twice != entries_.end()) fail_damaged("it has two files called ", twice->name);
  }

  const std::string& path() const { return file_->path(); }
  const std::vector<zip_entry>& entries() const { return entries_; }  ///< sorted by name

  const zip_entry* find(std::string_view name) const {
    const auto at = std::ranges::lower_bound(entries_, name, {}, &zip_entry::name);
    return at != entries_.end() && at->name == name ? &*at : nullptr;
  }

  /// The content of a file; no more than `limit` bytes.
  std::string content(const zip_entry& entry, std::uint64_t limit = std::numeric_limits<std::uint64_t>::max()) const {
    if (entry.size > limit) fail_entry(entry, "has ", entry.size, " bytes; more than ", limit, " are not read");
    const std::uint64_t data = data_of(entry);
    std::string bytes = read(data, entry.stored);
    if (entry.method == deflated) bytes = inflate(entry, bytes);
    const auto crc =
        static_cast<std::uint32_t>(::crc32_z(0, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size()));
    if (crc != entry.crc) fail_entry(entry, "wrong checksum of its ", entry.size, " bytes from byte ", data);
    return bytes;
  }

 private:
  static constexpr int stored_as_it_is = 0, deflated = 8;
  static constexpr std::size_t end_bytes = 22, locator_bytes = 20, long_end_bytes = 56, item_bytes = 46,
                               header_bytes = 30;

  struct place {
    std::uint64_t offset = 0, bytes = 0, items = 0;
  };

  template <class... Why>
  [[noreturn]] void fail_damaged(const Why&... why) const {
    fail(path(), ": damaged zip archive: ", why...);
  }

  template <class... Why>
  [[noreturn]] void fail_entry(const zip_entry& entry, const Why&... why) const {
    fail(path(), ": ", entry.name, ": ", why...);
  }

  std::string read(std::uint64_t offset, std::uint64_t bytes) const {
    std::string text(bytes, '\0');
    file_->read_at(offset, text);
    return text;
  }

  /// Where the list lies, as the record at the file's end says.
  place find_list() const {
    const std::uint64_t tail_bytes = std::min<std::uint64_t>(bytes_, end_bytes + 0xffff);
    const std::string tail = read(bytes_ - tail_bytes, tail_bytes);
    for (std::size_t at = tail.rfind("PK\5\6"); at != tail.npos; at = at ? tail.rfind("PK\5\6", at - 1) : tail.npos) {
      if (tail.size() - at < end_bytes || at + end_bytes + u16(tail, at + 20) != tail.size()) continue;
      const place found{u32(tail, at + 16), u32(tail, at + 12), u16(tail, at + 10)};
      const bool is_long = found.offset == 0xffffffff || found.bytes == 0xffffffff || found.items == 0xffff;
      return is_long ? find_long_list(bytes_ - tail_bytes + at) : found;
    }
    fail(path(), ": cut short: a zip archive lists its files at its end, and byte ", bytes_, " ends no list");
  }

  place find_long_list(std::uint64_t end) const {
    if (end < locator_bytes) fail_damaged("there is no 64-bit record before byte ", end);
    const std::string locator = read(end - locator_bytes, locator_bytes);
    const std::uint64_t at = u64(locator, 8);
    if (!locator.starts_with("PK\6\7") || at > bytes_ || bytes_ - at < long_end_bytes)
      fail_damaged("there is no 64-bit record before byte ", end);
    const std::string record = read(at, long_end_bytes);
    if (!record.starts_with("PK\6\6")) fail_damaged("there is no 64-bit record at byte ", at);
    return {u64(record, 48), u64(record, 40), u64(record, 32)};
  }

  void read_list(const std::string& list, const place& where) {
    std::size_t at = 0;
    while (at < list.size()) {
      const std::string_view item = std::string_view(list).substr(at);
      if (item.size() < item_bytes || !item.starts_with("PK\1\2"))
        fail_damaged("no item of its list of files at byte ", where.offset + at);
      const std::size_t name = u16(item, 28), extra = u16(item, 30), bytes = item_bytes + name + extra + u16(item, 32);
      if (item.size() < bytes) fail_damaged("its list of files ends within the item at byte ", where.offset + at);
      zip_entry entry{std::string(item.substr(item_bytes, name)),
                      int(u16(item, 10)),
                      u32(item, 16),
                      u32(item, 20),
                      u32(item, 24),
                      u32(item, 42)};
      if (u16(item, 8) & 1) fail_entry(entry, "is encrypted");
      lengthen(entry, item.substr(item_bytes + name, extra));
      check(entry);
      entries_.push_back(std::move(entry));
      at += bytes;
    }
    if (entries_.size() != where.items) fail_damaged("it lists ", entries_.size(), " files instead of ", where.items);
  }

  /// Takes the 64-bit numbers of an item where the others are all ones.
  void lengthen(zip_entry& entry, std::string_view extra) const {
    while (extra.size() >= 4) {
      const std::size_t bytes = u16(extra, 2);
      if (extra.size() - 4 < bytes) return;
      std::string_view numbers = extra.substr(4, bytes);
      if (u16(extra, 0) == 1)
        for (std::uint64_t* const number : {&entry.size, &entry.stored, &entry.header}) {
          if (*number != 0xffffffff) continue;
          if (numbers.size() < 8) fail_entry(entry, "its 64-bit sizes are missing");
          *number = u64(numbers, 0);
          numbers.remove_prefix(8);
        }
      extra.remove_prefix(4 + bytes);
    }
  }

  /// Sizes that can be, and no bomb: weights hardly become smaller when they are deflated.
  void check(const zip_entry& entry) const {
    if (entry.method != stored_as_it_is && entry.method != deflated)
      fail_entry(entry, "is compressed by method ", entry.method, "; stored and deflated (8) are read");
    if (entry.stored > bytes_ || entry.header > bytes_ - entry.stored)
      fail_entry(entry, "cut short: ", entry.stored, " bytes from byte ", entry.header, ", the archive has ", bytes_);
    if (entry.method == stored_as_it_is && entry.size != entry.stored)
      fail_entry(entry, "is stored as it is, in ", entry.stored, " bytes instead of ", entry.size);
    constexpr std::uint64_t ratio = 100, free = 1 << 20;
    if (entry.size > free && (entry.size - free) / ratio > entry.stored)
      fail_entry(entry, "would inflate from ", entry.stored, " bytes to ", entry.size, "; no weights do: a zip bomb?");
  }

  std::uint64_t data_of(const zip_entry& entry) const {
    if (bytes_ - entry.header < header_bytes) fail_entry(entry, "cut short: no header at byte ", entry.header);
    const std::string header = read(entry.header, header_bytes);
    if (!header.starts_with("PK\3\4")) fail_entry(entry, "damaged: no header at byte ", entry.header);
    const std::uint64_t data = entry.header + header_bytes + u16(header, 26) + u16(header, 28);
    if (data > bytes_ || entry.stored > bytes_ - data)
      fail_entry(entry, "cut short: ", entry.stored, " bytes from byte ", data, ", the archive has ", bytes_);
    return data;
  }

  std::string inflate(const zip_entry& entry, const std::string& from) const {
    std::string to(entry.size, '\0');
    z_stream stream{};
    if (::inflateInit2(&stream, -15) != Z_OK) fail(path(), ": cannot start zlib");
    int status = Z_OK;
    std::size_t read = 0, written = 0;
    constexpr std::size_t most = 1u << 30;
    do {
      stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(from.data()) + read);
      stream.avail_in = static_cast<uInt>(std::min(most, from.size() - read));
      stream.next_out = reinterpret_cast<Bytef*>(to.data() + written);
      stream.avail_out = static_cast<uInt>(std::min(most, to.size() - written));
      const uInt in = stream.avail_in, out = stream.avail_out;
      status = ::inflate(&stream, Z_NO_FLUSH);
      read += in - stream.avail_in;
      written += out - stream.avail_out;
      if (in == stream.avail_in && out == stream.avail_out) break;
    } while (status == Z_OK);
    ::inflateEnd(&stream);
    if (status != Z_STREAM_END || written != to.size())
      fail_entry(entry, "damaged: does not inflate to its ", entry.size, " bytes, but to ", written);
    return to;
  }

  std::shared_ptr<const input_file> file_;
  std::uint64_t bytes_;
  std::vector<zip_entry> entries_;
};

}  // namespace odt::detail
