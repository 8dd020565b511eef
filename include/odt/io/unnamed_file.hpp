// SPDX-License-Identifier: MIT
// Room on the disk for what does not fit into memory.
#pragma once

#include <odt/io/file.hpp>

#include <string>
#include <string_view>

namespace odt {

/// A file without a name in $TMPDIR or /tmp. It is gone with the last who has it open, also when that one is killed.
class unnamed_file {
 public:
  /// `path`: what the content comes from, for messages.
  explicit unnamed_file(std::string path);

  void write(std::string_view bytes);

  /// The whole, to be read; called `path` in messages.
  input_file finish() && { return std::move(file_); }

 private:
  std::string name_;
  int descriptor_ = -1;  // file_'s
  input_file file_;
};

}  // namespace odt

#if defined(ODT_HEADER_ONLY)
#include <odt/io/unnamed_file.ipp>
#endif
