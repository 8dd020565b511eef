// SPDX-License-Identifier: MIT
// One process at a time in a directory.
#pragma once

#include <string>
#include <string_view>

namespace odt {

/// Holds the directory for this process, by a lock on its file ".odt.lock" that ends with the process, however it ends.
class directory_lock {
 public:
  /// Makes the directory when there is none. One that another process holds is an error, which names that process.
  /// Filesystems without locks are warned of. Object stores have none, and nothing is held there.
  /// `doing` says for what one holds it, and what whoever comes second can do.
  explicit directory_lock(const std::string& directory,
                          std::string_view doing = "trains here; wait for it, or choose another --model_dir");
  ~directory_lock();
  directory_lock(directory_lock&& other) noexcept;
  directory_lock& operator=(directory_lock&&) = delete;

 private:
  int descriptor_ = -1;
};

}  // namespace odt

#if defined(ODT_HEADER_ONLY)
#include <odt/io/directory_lock.ipp>
#endif
