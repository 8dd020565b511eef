// SPDX-License-Identifier: MIT
// Who works on which photo just now, so that two people do not draw the same boxes.
#pragma once

#include <chrono>
#include <cstddef>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>

namespace odt::labelling {

/// One window of a browser.
struct annotator {
  std::string session;  ///< unlike that of every other window
  std::string name;     ///< of the person
};

struct lease {
  annotator holder;
  std::chrono::steady_clock::time_point end{};

  double seconds_left() const;
};

/// A photo is held until its holder lets go or does not renew for a while. Thread-safe.
class leases {
 public:
  explicit leases(std::chrono::milliseconds duration = std::chrono::seconds(60)) : duration_(duration) {}

  /// Takes or renews; `by_force` takes it from whoever has it. The lease that holds then, which may be another's.
  lease take(std::size_t photo, const annotator& who, bool by_force = false);

  /// Lets go of what this session holds.
  void release(std::size_t photo, const std::string& session);

  /// Of others than this session.
  std::optional<lease> of_others(std::size_t photo, const std::string& session) const;

  std::chrono::milliseconds duration() const { return duration_; }

 private:
  std::chrono::milliseconds duration_;
  mutable std::mutex mutex_;
  std::unordered_map<std::size_t, lease> held_;
};

}  // namespace odt::labelling

#if defined(ODT_HEADER_ONLY)
#include <odt/label/leases.ipp>
#endif
