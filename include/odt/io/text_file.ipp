// SPDX-License-Identifier: MIT
#pragma once

#include <odt/core/error.hpp>
#include <odt/core/target.hpp>
#include <odt/io/file.hpp>
#include <odt/io/text_file.hpp>
#include <odt/io/unicode.hpp>

#include <iconv.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <utility>

namespace odt {

namespace detail::text_file {

ODT_INLINE char small(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

/// Whether the text begins so, in any case; `beginning` is in small letters.
ODT_INLINE bool begins_with(std::string_view text, std::string_view beginning) {
  return text.size() >= beginning.size() && std::ranges::equal(text.substr(0, beginning.size()), beginning, {}, small);
}

ODT_INLINE bool is_web_page(std::string_view bytes) {
  if (bytes.starts_with("\xEF\xBB\xBF")) bytes.remove_prefix(3);
  bytes.remove_prefix(std::min(bytes.find_first_not_of(" \t\r\n"), bytes.size()));
  return begins_with(bytes, "<!doctype html") || begins_with(bytes, "<html>") || begins_with(bytes, "<html ");
}

/// The name of an encoding of two or four bytes a character; empty when the text is none. Without a byte order mark,
/// ASCII characters show it by their zero bytes.
ODT_INLINE std::string wide_encoding(std::string_view bytes) {
  if (bytes.starts_with(std::string_view("\xFF\xFE\0\0", 4)) || bytes.starts_with(std::string_view("\0\0\xFE\xFF", 4)))
    return "UTF-32";
  if (bytes.starts_with("\xFF\xFE") || bytes.starts_with("\xFE\xFF")) return "UTF-16";
  const std::string_view start = bytes.substr(0, 64);
  if (start.size() < 4 || bytes.size() % 2 != 0) return {};
  const auto zeros = [start](std::size_t first) {
    std::size_t count = 0;
    for (std::size_t i = first; i < start.size(); i += 2) count += start[i] == '\0';
    return count;
  };
  const std::size_t half = start.size() / 2;
  if (zeros(0) == 0 && zeros(1) * 4 >= half * 3) return "UTF-16LE";
  if (zeros(1) == 0 && zeros(0) * 4 >= half * 3) return "UTF-16BE";
  return {};
}

/// CR LF and CR alone become LF.
ODT_INLINE std::string with_plain_lines(std::string text) {
  if (text.find('\r') == std::string::npos) return text;
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\r')
      out += text[i];
    else if (i + 1 == text.size() || text[i + 1] != '\n')
      out += '\n';
  }
  return out;
}

ODT_INLINE std::string hexadecimal(char byte) {
  char text[8];
  std::snprintf(text, sizeof text, "0x%02X", static_cast<unsigned char>(byte));
  return text;
}

ODT_INLINE void check_utf8(std::string_view text, const std::string& path) {
  if (const std::size_t at = find_not_utf8(text); at != std::string_view::npos)
    fail(path, ":", line_of(text, at), ": not UTF-8 (byte ", hexadecimal(text[at]),
         "); save the file as UTF-8, or declare its encoding where it is XML");
  if (const std::size_t at = text.find('\0'); at != std::string_view::npos)
    fail(path, ":", line_of(text, at), ": a zero byte; this is no text");
}

/// UTF-8 of another encoding.
class converter {
 public:
  explicit converter(const std::string& from) : handle_(::iconv_open("UTF-8", from.c_str())) {}
  ~converter() {
    if (*this) ::iconv_close(handle_);
  }
  converter(const converter&) = delete;
  converter& operator=(const converter&) = delete;

  explicit operator bool() const { return reinterpret_cast<std::intptr_t>(handle_) != -1; }

  /// Converts as much as there is of it; `bytes` keeps the rest.
  std::string operator()(std::string_view& bytes) {
    std::string text(bytes.size() * 4 + 16, '\0');
    char *in = const_cast<char*>(bytes.data()), *out = text.data();
    std::size_t in_left = bytes.size(), out_left = text.size();
    ::iconv(handle_, &in, &in_left, &out, &out_left);
    if (in_left == 0) ::iconv(handle_, nullptr, nullptr, &out, &out_left);  // what it still held back
    bytes.remove_prefix(bytes.size() - in_left);
    text.resize(text.size() - out_left);
    return text;
  }

 private:
  iconv_t handle_;
};

/// Marks that files carry which hold an encoding of more characters (the WHATWG Encoding Standard's labels).
ODT_INLINE std::string larger_encoding(const std::string& name) {
  std::string small_name = name;
  std::ranges::transform(small_name, small_name.begin(), small);
  for (const char* const latin : {"iso-8859-1", "iso8859-1", "latin1", "us-ascii", "ascii"})
    if (small_name == latin) return "CP1252";
  return small_name == "gb2312" ? "GBK" : name;
}

}  // namespace detail::text_file

ODT_INLINE std::string_view mistaken_content(std::string_view bytes) {
  using namespace std::string_view_literals;
  constexpr std::pair<std::string_view, std::string_view> known[] = {
      {"version https://git-lfs.github.com/spec/"sv, "is a Git LFS pointer; `git lfs pull` fetches the file itself"sv},
      {"PK\x03\x04"sv, "is an Excel workbook or another ZIP archive; save a table as CSV UTF-8, unpack an archive"sv},
      {"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1"sv,
       "is an Excel workbook or another old Office document; save a table as CSV UTF-8, other text as plain text"sv},
      {"%PDF-"sv, "is a PDF document; the file itself is needed"sv},
      {"{\\rtf"sv, "is an RTF document; save it as plain text in UTF-8"sv},
      {"\x1F\x8B"sv, "is compressed by gzip; gunzip unpacks it"sv}};
  for (const auto& [beginning, what] : known)
    if (bytes.starts_with(beginning)) return what;
  if (detail::text_file::is_web_page(bytes))
    return "is a web page (a failed download); take the file itself, on GitHub the raw file";
  return {};
}

ODT_INLINE std::string plain_text(std::string_view bytes, const std::string& path, text_encoding allowed) {
  namespace d = detail::text_file;
  if (const std::string_view what = mistaken_content(bytes); !what.empty()) fail(path, ": ", what);
  if (const std::string wide = d::wide_encoding(bytes); !wide.empty()) {
    if (allowed == text_encoding::utf8) fail(path, ": is ", wide.substr(0, 6), "; save it as UTF-8");
    return decoded_text(bytes, wide, path);
  }
  if (bytes.starts_with("\xEF\xBB\xBF")) bytes.remove_prefix(3);
  std::string text = d::with_plain_lines(std::string(bytes));
  d::check_utf8(text, path);
  return text;
}

ODT_INLINE std::string read_text(const std::string& path, text_encoding allowed) {
  return plain_text(read_file(path), path, allowed);
}

ODT_INLINE std::string decoded_text(std::string_view bytes, const std::string& encoding, const std::string& path) {
  namespace d = detail::text_file;
  d::converter convert(d::larger_encoding(encoding));
  if (!convert) fail(path, ": the encoding \"", encoding, "\" is not known here; save the file as UTF-8");
  std::string_view rest = bytes;
  std::string text = d::with_plain_lines(convert(rest));
  if (!rest.empty())
    fail(path, ":", line_of(text, text.size()), ": not ", encoding, " (byte ", d::hexadecimal(rest.front()),
         "); save the file as UTF-8");
  if (text.starts_with("\xEF\xBB\xBF")) text.erase(0, 3);
  d::check_utf8(text, path);
  return text;
}

ODT_INLINE int line_of(std::string_view text, std::size_t offset) {
  return 1 + static_cast<int>(std::ranges::count(text.substr(0, offset), '\n'));
}

}  // namespace odt
