// SPDX-License-Identifier: MIT
// Reads of far away objects: parts are fetched by several threads before they are asked for, within a bounded memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>

namespace odt::cloud {

struct range_cache_options {
  std::uint64_t bytes = std::uint64_t{256} << 20;  ///< of all parts together
  int threads = 16;
};

/// Keeps parts of many objects. What was expected stays until it was read; then what was read longest ago goes first.
/// Expectations for which there is no room are dropped, and such reads fetch for themselves.
class range_cache {
 public:
  /// Exactly `size` bytes from `offset` on; any thread.
  using fetch = std::function<std::string(std::uint64_t offset, std::uint64_t size)>;

  explicit range_cache(range_cache_options options = {});
  ~range_cache();
  range_cache(const range_cache&) = delete;
  range_cache& operator=(const range_cache&) = delete;

  /// One object's parts; they are forgotten with it. The cache has to outlive it.
  class object {
   public:
    object(range_cache& cache, std::uint64_t size, fetch from);
    ~object();
    object(const object&) = delete;
    object& operator=(const object&) = delete;

    /// As much as there is. Reads in order are followed by ever larger parts ahead of them. Errors of the fetch come
    /// through; those of parts that nobody has asked for yet do not.
    std::size_t read(std::uint64_t offset, std::span<char> out);
    void expect(std::uint64_t offset, std::uint64_t size);
    void forget(std::uint64_t offset, std::uint64_t size);

   private:
    friend class range_cache;
    struct parts;

    range_cache& cache_;
    std::shared_ptr<parts> parts_;
  };

  std::uint64_t bytes() const;  ///< kept, or being fetched

 private:
  struct state;
  std::unique_ptr<state> state_;
};

}  // namespace odt::cloud

#if defined(ODT_HEADER_ONLY)
#include <odt/cloud/range_cache.ipp>
#endif
