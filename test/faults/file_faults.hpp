// SPDX-License-Identifier: MIT
// Makes the system's calls on files fail, the k-th of a kind, in a process of their own. file_faults.cpp stands before
// the C library's open, write, fsync, close, rename, mkdir and pread; calls on paths elsewhere pass through.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace odt::test {

enum class file_call { open, write, fsync, close, rename, mkdir, pread };

/// "the k-th write fails with ENOSPC"
struct file_fault {
  file_call what;
  int code;              ///< errno
  bool lasting = false;  ///< all later calls that write fail likewise: a full or read-only disk
  bool torn = false;     ///< of a write: half of its bytes are written before
};

/// For messages.
std::string describe(const file_fault& fault);

/// What a process did.
struct process_outcome {
  int status = -1;  ///< of its exit; -1: a signal ended it
  std::string out, err;
  bool struck = false;  ///< the fault happened
};

/// Runs `odt` with the toy detector in a process of its own. Of the calls on files below `root`, the k-th of the
/// fault's kind fails; k = 0: none does, but each call takes `slow_us` longer.
process_outcome run_with_fault(const std::vector<std::string>& arguments, std::string_view root,
                               const file_fault& fault, int k, int slow_us = 0);

}  // namespace odt::test
