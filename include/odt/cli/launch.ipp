// SPDX-License-Identifier: MIT
// Several ranks, by mpirun, begun again when one of them dies.
#pragma once

#include <odt/cli/cli11.hpp>
#include <odt/cli/command.hpp>
#include <odt/core/error.hpp>
#include <odt/core/target.hpp>
#include <odt/train/stop_signal.hpp>

#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

namespace odt {

namespace detail::cli {

struct launch_command {
  int ranks = 2, max_restarts = 0;
  std::string mpirun = "mpirun", hostfile;
  std::vector<std::string> command;
};

/// What mpirun, of OpenMPI or MPICH, is told besides: as many ranks as are wanted, which may use all cores, also as
/// root; the environment has the last word.
ODT_INLINE void prepare_mpirun() {
  const auto usually = [](const char* name, const char* value) { ::setenv(name, value, 0); };
  usually("OMPI_MCA_rmaps_base_oversubscribe", "1");
  usually("OMPI_MCA_hwloc_base_binding_policy", "none");
  usually("OMPI_MCA_mpi_yield_when_idle", "1");
  // Where ranks run on several machines: one that is cut off is noticed within half a minute, not a quarter of an hour.
  usually("OMPI_MCA_oob_tcp_keepalive_time", "20");
  usually("OMPI_MCA_oob_tcp_keepalive_intvl", "5");
  usually("OMPI_MCA_oob_tcp_keepalive_probes", "2");
  usually("OMPI_MCA_odls_base_sigkill_timeout", "5");  // seconds before SIGTERM when a rank has died, and behind it
  if (::geteuid() != 0) return;
  usually("OMPI_ALLOW_RUN_AS_ROOT", "1");
  usually("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1");
}

/// Sends a signal to the children of a process: to the ranks of mpirun, which itself would be slow to pass it on.
ODT_INLINE void signal_children(pid_t parent, int signal) {
  std::ifstream children(str("/proc/", parent, "/task/", parent, "/children"));
  for (pid_t child = 0; children >> child;) ::kill(child, signal);
}

/// Runs the command and passes on the signal that stops this program to what it started. Its exit status; 128 and the
/// signal's number where one ended it.
ODT_INLINE int run_and_wait(const std::vector<std::string>& words) {
  std::vector<char*> arguments;
  for (const std::string& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  pid_t child = 0;
  if (const int wrong = ::posix_spawnp(&child, arguments[0], nullptr, nullptr, arguments.data(), environ); wrong != 0)
    fail(words[0], ": ", std::strerror(wrong), "; install openmpi-bin or mpich, or give --mpirun");
  bool told = false;
  for (int status = 0;;) {
    const pid_t ended = ::waitpid(child, &status, WNOHANG);
    if (ended == child) return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    if (ended < 0 && errno != EINTR) fail(words[0], ": cannot wait for it: ", std::strerror(errno));
    if (const int signal = stop_signal::received(); signal != 0 && !told) signal_children(child, signal), told = true;
    ::usleep(50000);
  }
}

ODT_INLINE int run_launch(const launch_command& c) {
  prepare_mpirun();
  std::vector<std::string> words{c.mpirun, "-n", std::to_string(c.ranks)};
  if (!c.hostfile.empty()) words.insert(words.end(), {"--hostfile", c.hostfile});
  words.push_back(std::filesystem::read_symlink("/proc/self/exe").string());
  words.insert(words.end(), c.command.begin(), c.command.end());
  const stop_signal stop;
  for (int restarts = 0;; ++restarts) {
    const int status = run_and_wait(words);
    const bool stopped = stop_signal::received() != 0, wrong_words = status == 2;
    if (status == 0 || stopped || wrong_words || restarts == c.max_restarts) return status;
    std::fprintf(stderr, "odt launch: the ranks ended with status %d; restart %d of %d\n", status, restarts + 1,
                 c.max_restarts);
  }
}

ODT_INLINE void add_launch(CLI::App& app, program& p) {
  CLI::App* launch = app.add_subcommand("launch", "Train with several ranks, by mpirun");
  launch->footer(
      "Example: odt launch --ranks 4 --max_restarts 3 -- train --pipeline_config_path pipeline.config --model_dir m");
  const auto command = std::make_shared<launch_command>();
  launch->add_option("--ranks", command->ranks, "processes that train together")
      ->check(between(1, 4096))
      ->capture_default_str();
  launch
      ->add_option("--max_restarts", command->max_restarts,
                   "how often all begin again, from the last checkpoint, when one of them has failed")
      ->check(not_negative())
      ->capture_default_str();
  launch
      ->add_option(
          "--hostfile", command->hostfile,
          "the machines to start them on, one a line (\"node7 slots=2\"), read anew when they begin again; not "
          "given: this one")
      ->check(CLI::ExistingFile.description(""));
  launch->add_option("--mpirun", command->mpirun, "the program that starts them")->capture_default_str();
  launch->add_option("command", command->command, "behind --: train and its flags")->required();
  launch->callback([command, &p] { p.action = [command] { return run_launch(*command); }; });
}

}  // namespace detail::cli

}  // namespace odt
