// SPDX-License-Identifier: MIT
// Files within a tar archive, which may be compressed by gzip.
#pragma once

#include <odt/io/file.hpp>

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace odt {

/// Whether an existing file begins as a tar archive does, or inflates to one.
bool is_archive(const std::string& path);

/// A file of an archive.
struct archive_member {
  std::string name;    ///< with its folders
  input_file content;  ///< an unnamed file, called "zoo.tar.gz: model.ckpt.index" in messages
};

/// Takes out the files whose names `wanted` accepts, in their order. What is damaged or cut short is an error that
/// names the archive and the file within.
std::vector<archive_member> extract(const std::string& archive, const std::function<bool(std::string_view)>& wanted);

/// What a file within an archive is called in messages: "zoo.tar.gz: model.ckpt.index".
std::string member_name(std::string_view archive, std::string_view name);

}  // namespace odt

#if defined(ODT_HEADER_ONLY)
#include <odt/io/archive.ipp>
#endif
