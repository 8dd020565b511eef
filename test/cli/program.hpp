// SPDX-License-Identifier: MIT
// The program, with the toy detector, in a process of its own.
#pragma once

#include <odt/cli/run.hpp>
#include <odt/io/file.hpp>

#include "train/toy_detector.hpp"

#include <scratch.hpp>

#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace odt::test {

struct outcome {
  int status = -1;
  std::string out, err;
};

/// Starts the program in a process of its own, its output in files of the directory.
inline pid_t start(const scratch_directory& at, std::vector<std::string> arguments) {
  std::fflush(nullptr);  // or the child writes it again
  const pid_t child = fork();
  if (child != 0) return child;
  if (!std::freopen((at / "stdout").c_str(), "w", stdout) || !std::freopen((at / "stderr").c_str(), "w", stderr))
    _exit(99);
  arguments.insert(arguments.begin(), "odt");
  std::vector<char*> argv;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  const int status = odt::run_cli({toy_detector::type()}, static_cast<int>(argv.size()), argv.data());
  std::fflush(nullptr);
  _exit(status);
}

inline int wait_for(pid_t child) {
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

inline outcome finish(const scratch_directory& at, pid_t child) {
  return {wait_for(child), odt::read_file(at / "stdout"), odt::read_file(at / "stderr")};
}

inline outcome run(const scratch_directory& at, std::vector<std::string> arguments) {
  return finish(at, start(at, std::move(arguments)));
}

inline bool contains(std::string_view text, std::string_view part) {
  const bool found = text.find(part) != std::string_view::npos;
  if (!found) BOOST_TEST_MESSAGE("\"" << part << "\" is not in:\n" << text);
  return found;
}

}  // namespace odt::test
