// SPDX-License-Identifier: MIT
// Text that people wrote, pasted or downloaded: the one way in which labels, tables, lists, label maps and configs are
// read.
#pragma once

#include <string>
#include <string_view>

namespace odt {

/// What the bytes are when they are neither the text nor the picture that their name promises: "is a Git LFS pointer;
/// `git lfs pull` fetches the file itself". Known by content: Git LFS pointers, web pages, ZIP archives and Excel
/// workbooks, PDF, RTF, gzip. Empty for all else.
std::string_view mistaken_content(std::string_view bytes);

/// Which texts a format takes. `utf8`: by its own rules nothing else, as protobuf's text format. `unicode`: UTF-16 too,
/// known by its byte order mark or by its zero bytes, as Windows programs save it.
enum class text_encoding { utf8, unicode };

/// The bytes as UTF-8 without byte order mark, lines ending in LF (so that lines keep their numbers, whether they ended
/// in CR, LF or both). Errors name the file, and the line where there is one: what mistaken_content knows, another
/// encoding than `allowed`, bytes that are not UTF-8, zero bytes.
std::string plain_text(std::string_view bytes, const std::string& path, text_encoding allowed = text_encoding::utf8);

/// plain_text of a file.
std::string read_text(const std::string& path, text_encoding allowed = text_encoding::utf8);

/// plain_text of bytes in an encoding that iconv knows by this name ("GBK"); "ISO-8859-1" and "GB2312" are taken as the
/// windows-1252 and GBK that files so marked hold. An unknown name, or bytes that are not of the encoding, is an error.
std::string decoded_text(std::string_view bytes, const std::string& encoding, const std::string& path);

/// The line of a place in a text, from 1.
int line_of(std::string_view text, std::size_t offset);

}  // namespace odt

#if defined(ODT_HEADER_ONLY)
#include <odt/io/text_file.ipp>
#endif
