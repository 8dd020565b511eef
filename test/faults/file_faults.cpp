// SPDX-License-Identifier: MIT
#include "file_faults.hpp"

#include "scratch.hpp"
#include "train/toy_detector.hpp"

#include <odt/cli/run.hpp>
#include <odt/io/file.hpp>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <cstring>

namespace {

using odt::test::file_call;
using odt::test::file_fault;

/// Shared with the process that is watched.
struct plan {
  char root[256] = "";
  file_fault fault{};
  int k = 0, slow_us = 0;
  std::atomic<int> seen{0};
  std::atomic<bool> struck{false};
};

plan* watched = nullptr;  // set in the process whose calls fail
std::array<std::atomic<bool>, 4096> below_root{};

/// A lock has no content that could be lost.
bool concerns(const char* path) {
  return watched && std::strncmp(path, watched->root, std::strlen(watched->root)) == 0 &&
         !std::strstr(path, ".odt.lock");
}

bool concerns(int descriptor) {
  return watched && descriptor >= 0 && static_cast<std::size_t>(descriptor) < below_root.size() &&
         below_root[static_cast<std::size_t>(descriptor)];
}

/// Whether this call is to fail; sets errno.
bool strikes(file_call what) {
  if (watched->slow_us > 0) ::usleep(static_cast<useconds_t>(watched->slow_us));
  const file_fault& fault = watched->fault;
  const bool after = fault.lasting && watched->struck && what != file_call::pread && what != file_call::close;
  if (!after && (what != fault.what || watched->seen.fetch_add(1) + 1 != watched->k)) return false;
  watched->struck = true;
  errno = fault.code;
  return true;
}

int result(long value) { return static_cast<int>(value); }

}  // namespace

extern "C" {

int open(const char* path, int flags, ...) {
  va_list more;
  va_start(more, flags);
  const mode_t mode = flags & O_CREAT ? va_arg(more, mode_t) : 0;
  va_end(more);
  const bool writes = (flags & O_ACCMODE) != O_RDONLY, ours = concerns(path);
  if (ours && writes && strikes(file_call::open)) return -1;
  const int descriptor = result(::syscall(SYS_openat, AT_FDCWD, path, flags, mode));
  if (ours && descriptor >= 0) below_root.at(static_cast<std::size_t>(descriptor)) = true;
  return descriptor;
}

ssize_t write(int descriptor, const void* bytes, size_t size) {
  if (concerns(descriptor) && strikes(file_call::write)) {
    if (watched->fault.torn) ::syscall(SYS_write, descriptor, bytes, size / 2);
    errno = watched->fault.code;
    return -1;
  }
  return ::syscall(SYS_write, descriptor, bytes, size);
}

ssize_t pread(int descriptor, void* bytes, size_t size, off_t offset) {
  if (concerns(descriptor) && strikes(file_call::pread)) return -1;
  return ::syscall(SYS_pread64, descriptor, bytes, size, offset);
}

int fsync(int descriptor) {
  if (concerns(descriptor) && strikes(file_call::fsync)) return -1;
  return result(::syscall(SYS_fsync, descriptor));
}

int close(int descriptor) {
  const bool writes = concerns(descriptor) && (::fcntl(descriptor, F_GETFL) & O_ACCMODE) != O_RDONLY;
  if (concerns(descriptor)) below_root[static_cast<std::size_t>(descriptor)] = false;
  const int status = result(::syscall(SYS_close, descriptor));
  return writes && strikes(file_call::close) ? -1 : status;
}

int rename(const char* from, const char* to) noexcept {
  if (concerns(to) && strikes(file_call::rename)) return -1;
  return result(::syscall(SYS_renameat, AT_FDCWD, from, AT_FDCWD, to));
}

int mkdir(const char* path, mode_t mode) noexcept {
  if (concerns(path) && strikes(file_call::mkdir)) return -1;
  return result(::syscall(SYS_mkdirat, AT_FDCWD, path, mode));
}

}  // extern "C"

namespace odt::test {

std::string describe(const file_fault& fault) {
  constexpr const char* names[] = {"open", "write", "fsync", "close", "rename", "mkdir", "pread"};
  return str(names[static_cast<int>(fault.what)], ": ", std::strerror(fault.code), fault.torn ? ", torn" : "",
             fault.lasting ? ", lasting" : "");
}

process_outcome run_with_fault(const std::vector<std::string>& arguments, std::string_view root,
                               const file_fault& fault, int k, int slow_us) {
  const scratch_directory logs;
  void* memory = ::mmap(nullptr, sizeof(plan), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  plan* shared = new (memory) plan;
  root.copy(shared->root, sizeof shared->root - 1);
  shared->fault = fault;
  shared->k = k;
  shared->slow_us = slow_us;
  std::fflush(nullptr);  // or the child writes it again
  const pid_t child = fork();
  if (child == 0) {
    if (!std::freopen((logs / "out").c_str(), "w", stdout) || !std::freopen((logs / "err").c_str(), "w", stderr))
      _exit(99);
    std::vector<std::string> all{"odt"};
    all.insert(all.end(), arguments.begin(), arguments.end());
    std::vector<char*> argv;
    for (std::string& argument : all) argv.push_back(argument.data());
    watched = shared;
    const int status = run_cli({toy_detector::type()}, static_cast<int>(argv.size()), argv.data());
    watched = nullptr;
    std::fflush(nullptr);
    _exit(status);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  process_outcome outcome{WIFEXITED(status) ? WEXITSTATUS(status) : -1, read_file(logs / "out"),
                          read_file(logs / "err"), shared->struck};
  ::munmap(memory, sizeof(plan));
  return outcome;
}

}  // namespace odt::test
