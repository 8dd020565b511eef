// SPDX-License-Identifier: MIT
#pragma once

#include <odt/core/error.hpp>
#include <odt/core/target.hpp>
#include <odt/label/child.hpp>

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <optional>

namespace odt::labelling {

ODT_INLINE std::string own_program() { return std::filesystem::read_symlink("/proc/self/exe").string(); }

ODT_INLINE std::string child_end::text() const {
  if (signal != 0) return str("ended by signal ", signal, " (", ::strsignal(signal), ")");
  return str("status ", status);
}

ODT_INLINE child::child(const std::vector<std::string>& words, int niceness) {
  std::vector<char*> arguments;
  for (const std::string& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) fail(words[0], ": cannot start: ", std::strerror(errno));
  id_ = ::fork();
  if (id_ == 0) {  // only what a child of threads may call
    ::prctl(PR_SET_PDEATHSIG, SIGTERM);
    ::setpgid(0, 0);  // Ctrl-C in the terminal is for the page's server alone
    [[maybe_unused]] const int ignored = ::nice(niceness);
    const int nowhere = ::open("/dev/null", O_RDONLY);
    if (nowhere >= 0) ::dup2(nowhere, STDIN_FILENO);
    ::dup2(ends[1], STDOUT_FILENO);
    ::dup2(ends[1], STDERR_FILENO);
    for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGPIPE}) ::signal(signal, SIG_DFL);
    sigset_t none;
    ::sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    ::execv(arguments[0], arguments.data());
    ::_exit(127);
  }
  const int code = errno;
  ::close(ends[1]);
  output_ = ends[0];
  if (id_ < 0) {
    ::close(output_);
    fail(words[0], ": cannot start: ", std::strerror(code));
  }
}

ODT_INLINE child::~child() {
  if (id_ > 0) {
    ::kill(id_, SIGKILL);
    ::waitpid(id_, nullptr, 0);
  }
  if (output_ >= 0) ::close(output_);
}

ODT_INLINE void child::take(std::string_view bytes, const std::function<void(std::string_view)>& line) {
  rest_ += bytes;
  std::size_t at = 0;
  for (std::size_t end = 0; (end = rest_.find('\n', at)) != std::string::npos; at = end + 1)
    line(std::string_view(rest_).substr(at, end - at));
  rest_.erase(0, at);
}

ODT_INLINE child_end child::follow(const std::function<void(std::string_view)>& line,
                                   const std::function<bool()>& stop) {
  using clock = std::chrono::steady_clock;
  constexpr std::chrono::seconds patience(20);
  std::optional<clock::time_point> asked;
  std::array<char, 4096> bytes{};
  for (bool open = true;;) {
    if (!asked && stop()) asked = clock::now(), ::kill(id_, SIGTERM);
    if (asked && clock::now() - *asked > patience) ::kill(id_, SIGKILL);
    if (open) {
      pollfd ready{output_, POLLIN, 0};
      if (::poll(&ready, 1, 200) > 0) {
        const ssize_t got = ::read(output_, bytes.data(), bytes.size());
        if (got > 0) take({bytes.data(), static_cast<std::size_t>(got)}, line);
        if (got == 0) open = false;
        if (got > 0) continue;
      }
    } else {
      ::usleep(20000);
    }
    int status = 0;
    const pid_t ended = ::waitpid(id_, &status, WNOHANG);
    if (ended < 0 && errno == EINTR) continue;
    if (ended == 0) continue;
    id_ = -1;
    if (!rest_.empty()) line(rest_);
    if (ended < 0) fail("cannot wait for a child: ", std::strerror(errno));
    return WIFSIGNALED(status) ? child_end{0, WTERMSIG(status)} : child_end{WEXITSTATUS(status), 0};
  }
}

}  // namespace odt::labelling
