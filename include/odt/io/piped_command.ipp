// SPDX-License-Identifier: MIT
#pragma once

#include <odt/core/error.hpp>
#include <odt/core/target.hpp>
#include <odt/core/text.hpp>
#include <odt/io/file.hpp>
#include <odt/io/piped_command.hpp>

#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <utility>

namespace odt {

namespace detail {

/// An empty file for what a command complains about.
ODT_INLINE std::string scratch_file() {
  std::string path = (std::filesystem::temp_directory_path() / "odt-command-XXXXXX").string();
  const int descriptor = ::mkstemp(path.data());
  if (descriptor < 0) fail(path, ": no file can be made here; $TMPDIR may name another directory");
  ::close(descriptor);
  return path;
}

/// While it lives, a command that has ended early makes writing fail, instead of ending this program.
class no_sigpipe {
 public:
  no_sigpipe() : before_(std::signal(SIGPIPE, SIG_IGN)) {}
  ~no_sigpipe() { std::signal(SIGPIPE, before_); }
  no_sigpipe(const no_sigpipe&) = delete;
  no_sigpipe& operator=(const no_sigpipe&) = delete;

 private:
  void (*before_)(int);
};

}  // namespace detail

ODT_INLINE std::string shell_word(std::string_view word) {
  std::string text = "'";
  for (const char c : word) c == '\'' ? text += "'\\''" : text += c;
  return text + "'";
}

ODT_INLINE piped_command::piped_command(const std::string& command, direction way) : errors_(detail::scratch_file()) {
  const std::string whole = str(command, " 2> ", shell_word(errors_), way == direction::write ? " > /dev/null" : "");
  stream_ = ::popen(whole.c_str(), way == direction::read ? "r" : "w");
  if (!stream_) fail("no process could be started for: ", command);
}

ODT_INLINE piped_command::~piped_command() {
  close();
  ::unlink(errors_.c_str());
}

ODT_INLINE std::size_t piped_command::read(std::span<char> out) {
  return std::fread(out.data(), 1, out.size(), stream_);
}

ODT_INLINE bool piped_command::write(std::span<const char> bytes) {
  const detail::no_sigpipe guard;
  return std::fwrite(bytes.data(), 1, bytes.size(), stream_) == bytes.size();
}

ODT_INLINE int piped_command::close() {
  if (!stream_) return status_;
  const detail::no_sigpipe guard;
  const int status = ::pclose(std::exchange(stream_, nullptr));
  return status_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

ODT_INLINE std::string piped_command::complaints() const {
  const std::string text = read_file(errors_);
  constexpr std::size_t most = 1000;
  return text.substr(text.size() > most ? text.size() - most : 0);
}

}  // namespace odt
