// SPDX-License-Identifier: MIT
#pragma once

#include <odt/core/error.hpp>
#include <odt/core/target.hpp>
#include <odt/io/archive.hpp>
#include <odt/io/uncompressed_bytes.ipp>
#include <odt/io/unnamed_file.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <utility>

namespace odt {

namespace detail::tar {

inline constexpr std::size_t block_bytes = 512;

/// The header before each member.
struct header {
  std::array<char, block_bytes> bytes{};

  /// A field, up to its first zero.
  std::string_view text(std::size_t at, std::size_t length) const {
    const std::string_view field(bytes.data() + at, length);
    return field.substr(0, field.find('\0'));
  }
  /// A number in octal digits, amid spaces; -1 where there is none.
  std::int64_t number(std::size_t at, std::size_t length) const {
    std::string_view digits = text(at, length);
    digits.remove_prefix(std::min(digits.find_first_not_of(' '), digits.size()));
    std::int64_t value = -1;
    const auto [stop, status] = std::from_chars(digits.data(), digits.data() + digits.size(), value, 8);
    return status == std::errc{} && digits.find_first_not_of(' ', std::size_t(stop - digits.data())) == digits.npos
               ? value
               : -1;
  }
  std::int64_t size() const { return number(124, 12); }
  char type() const { return bytes[156]; }
  bool is_file() const { return type() == '0' || type() == '\0' || type() == '7'; }
  bool is_end() const {
    return std::ranges::all_of(bytes, [](char c) { return c == '\0'; });
  }
  std::string name() const {
    const std::string_view folder = text(257, 5) == "ustar" && bytes[262] == '\0' ? text(345, 155) : "";
    return str(folder, folder.empty() ? "" : "/", text(0, 100));
  }
  /// Its checksum is the sum of its bytes, itself counted as spaces.
  bool valid() const {
    std::int64_t sum = 8 * ' ';
    for (std::size_t i = 0; i < block_bytes; ++i)
      if (i < 148 || i >= 156) sum += static_cast<unsigned char>(bytes[i]);
    return number(148, 8) == sum && size() >= 0;
  }
};

ODT_INLINE record_compression compression_of(const input_file& file) {
  std::array<char, 2> start{};
  file.read_some_at(0, start);
  return std::string_view(start.data(), 2) == "\x1f\x8b" ? record_compression::gzip : record_compression::none;
}

/// Reads an archive from its begin to its end.
class reader {
 public:
  explicit reader(const std::string& path) : file_(path), bytes_(file_, compression_of(file_)) {}

  /// The header of the next member; false at the end.
  bool next(header& member) {
    const std::size_t got = bytes_.read(member.bytes);
    if (got == 0 || (got == block_bytes && member.is_end())) return false;
    if (got < block_bytes) fail(file_.path(), ": cut short: the archive ends within a header");
    if (!member.valid()) fail(file_.path(), ": damaged: no header of a member at byte ", bytes_.offset() - block_bytes);
    return true;
  }

  /// Gives the content of the member to `act`, piece by piece, and goes on to the next header.
  template <class Act>
  void content(const header& member, const std::string& name, Act&& act) {
    std::string chunk(std::size_t{1} << 18, '\0');
    const auto size = static_cast<std::uint64_t>(member.size());
    for (std::uint64_t left = size; left > 0;) {
      const std::size_t want = std::min<std::uint64_t>(left, chunk.size());
      if (bytes_.read({chunk.data(), want}) < want)
        fail(member_name(file_.path(), name), ": cut short: the archive ends within the ", size, " bytes of this file");
      act(std::string_view(chunk.data(), want));
      left -= want;
    }
    bytes_.read({chunk.data(), (block_bytes - size % block_bytes) % block_bytes});
  }

  std::string content(const header& member, const std::string& name) {
    std::string all;
    content(member, name, [&all](std::string_view piece) { all += piece; });
    return all;
  }

 private:
  input_file file_;
  uncompressed_bytes bytes_;
};

/// The path in the records ("27 path=folder/name\n") of a pax header; empty where it has none.
ODT_INLINE std::string pax_path(std::string_view records) {
  while (!records.empty()) {
    std::size_t length = 0;
    const auto [stop, status] = std::from_chars(records.data(), records.data() + records.size(), length);
    if (status != std::errc{} || length == 0 || length > records.size()) return {};
    const std::string_view record = records.substr(0, length), text = record.substr(record.find(' ') + 1);
    if (text.starts_with("path=") && text.ends_with('\n')) return std::string(text.substr(5, text.size() - 6));
    records.remove_prefix(length);
  }
  return {};
}

}  // namespace detail::tar

ODT_INLINE std::string member_name(std::string_view archive, std::string_view name) { return str(archive, ": ", name); }

ODT_INLINE bool is_archive(const std::string& path) {
  namespace d = detail::tar;
  const input_file file(path);
  detail::uncompressed_bytes bytes(file, d::compression_of(file));
  d::header first;
  return bytes.read(first.bytes) == d::block_bytes && !first.is_end() && first.valid();
}

ODT_INLINE std::vector<archive_member> extract(const std::string& archive,
                                               const std::function<bool(std::string_view)>& wanted) {
  namespace d = detail::tar;
  d::reader from(archive);
  std::vector<archive_member> members;
  std::string long_name;  // of the next member, where its header has no room for it
  for (d::header member; from.next(member);) {
    const std::string name = long_name.empty() ? member.name() : long_name;
    if (member.type() == 'L') {
      long_name = from.content(member, name);
      long_name.resize(std::min(long_name.find('\0'), long_name.size()));
    } else if (member.type() == 'x') {
      long_name = d::pax_path(from.content(member, name));
    } else if (member.is_file() && wanted(name)) {
      unnamed_file out(member_name(archive, name));
      from.content(member, name, [&out](std::string_view piece) { out.write(piece); });
      members.push_back({name, std::move(out).finish()});
      long_name.clear();
    } else {
      from.content(member, name, [](std::string_view) {});
      long_name.clear();
    }
  }
  return members;
}

}  // namespace odt
