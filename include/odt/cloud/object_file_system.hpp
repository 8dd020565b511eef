// SPDX-License-Identifier: MIT
// An object store as a file system: a directory is there as long as a key begins with its name and "/".
#pragma once

#include <odt/cloud/object_store.hpp>
#include <odt/cloud/range_cache.hpp>
#include <odt/io/file_system.hpp>

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace odt::cloud {

class object_file_system : public file_system {
 public:
  explicit object_file_system(std::unique_ptr<object_store> store, range_cache_options cache = {});
  /// Asked when the store is first used, since what it throws has to reach somebody.
  object_file_system(std::unique_ptr<object_store> store, std::function<range_cache_options()> cache);

  std::unique_ptr<open_file> open(const std::string& path) override;
  std::unique_ptr<unfinished_file> create(const std::string& path) override;
  std::optional<file_status> status(const std::string& path) override;
  std::vector<std::string> matching(const std::string& pattern) override;
  void make_directories(const std::string&) override {}
  void remove(const std::string& path) override;

 private:
  object_store& store();

  std::unique_ptr<object_store> store_;
  std::function<range_cache_options()> options_;
  std::once_flag used_;
  std::optional<range_cache> cache_;
};

/// What a glob begins with before its first `*`, `?` or `[`; escaped characters are plain.
std::string literal_prefix(std::string_view pattern);

}  // namespace odt::cloud

#if defined(ODT_HEADER_ONLY)
#include <odt/cloud/object_file_system.ipp>
#endif
