// SPDX-License-Identifier: MIT
// A stream of batches, taken in groups as large as a train step's, with a view of the group that comes next.
#pragma once

#include <odt/core/batch.hpp>
#include <odt/train/evaluator.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <exception>
#include <span>
#include <utility>
#include <vector>

namespace odt {

/// Batches do not move while they are current or next.
class lookahead {
 public:
  explicit lookahead(batch_stream data, int group = 1) : data_(std::move(data)) {
    for (std::vector<batch>& g : groups_) g.resize(static_cast<std::size_t>(group));
  }

  /// Fetches the first group.
  void begin() {
    if (!begun_) fetch();
    begun_ = true;
  }

  /// Makes the next group the current one and fetches another. False at the stream's end. What the stream throws is
  /// thrown when its group would have become the current one.
  bool advance() {
    begin();
    if (failure_) std::rethrow_exception(failure_);
    if (!more_) return false;
    turn_ = 1 - turn_;
    fetch();
    return true;
  }

  /// Whether advance() would throw, once it has begun.
  bool failed() const { return failure_ != nullptr; }
  /// Whether it would return false.
  bool ended() const { return begun_ && !more_ && !failure_; }

  std::span<const batch> current() const { return groups_[turn_]; }
  /// Empty where the stream ends.
  std::span<const batch> next() const { return more_ ? groups_[1 - turn_] : std::span<const batch>(); }

 private:
  void fetch() {
    try {
      more_ = std::ranges::all_of(groups_[1 - turn_], [this](batch& b) { return data_(b); });
    } catch (...) {
      more_ = false;
      failure_ = std::current_exception();
    }
  }

  batch_stream data_;
  std::array<std::vector<batch>, 2> groups_;
  std::size_t turn_ = 0;
  bool begun_ = false, more_ = false;
  std::exception_ptr failure_;
};

}  // namespace odt
