// SPDX-License-Identifier: MIT
// Other programs that read what this one writes, or write what it reads.
#pragma once

#include <cstdio>
#include <span>
#include <string>
#include <string_view>

namespace odt {

/// A word of a shell's command, whatever is in it.
std::string shell_word(std::string_view word);

/// A command of the shell whose output is read, or whose input is written. What it complains about is kept.
class piped_command {
 public:
  enum class direction { read, write };

  piped_command(const std::string& command, direction way);
  ~piped_command();
  piped_command(const piped_command&) = delete;
  piped_command& operator=(const piped_command&) = delete;

  /// Reads as much as there is, at most out.size() bytes; returns how many.
  std::size_t read(std::span<char> out);
  /// Whether the command took it all; false when it has ended.
  bool write(std::span<const char> bytes);

  /// Waits for its end; the exit status: 127 when there is no such program.
  int close();
  /// What it has complained about so far, the end of it.
  std::string complaints() const;

 private:
  std::string errors_;           // a file
  std::FILE* stream_ = nullptr;  // null once it has ended
  int status_ = 0;
};

}  // namespace odt

#if defined(ODT_HEADER_ONLY)
#include <odt/io/piped_command.ipp>
#endif
