// SPDX-License-Identifier: MIT
// A stream of batches, taken in groups as large as a train step's, or as several of them, with a view of the group that
// comes next.
#pragma once

#include <odt/core/batch.hpp>
#include <odt/train/evaluator.hpp>

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
  /// Of groups of up to `steps` steps of so many batches each; where the stream ends, or fails, of those that it has.
  explicit lookahead(batch_stream data, int batches = 1, int steps = 1)
      : data_(std::move(data)), batches_(static_cast<std::size_t>(batches)) {
    for (group& g : groups_) g.all.resize(batches_ * static_cast<std::size_t>(steps));
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
    if (failed()) std::rethrow_exception(failure_);
    if (!more()) return false;
    turn_ = 1 - turn_;
    fetch();
    return true;
  }

  /// Whether advance() would throw, once it has begun.
  bool failed() const { return failure_ && !more(); }
  /// Whether it would return false.
  bool ended() const { return begun_ && !more() && !failure_; }

  std::span<const batch> current() const { return groups_[turn_].got(); }
  /// Empty where the stream ends.
  std::span<const batch> next() const { return groups_[1 - turn_].got(); }

 private:
  struct group {
    std::vector<batch> all;
    std::size_t count = 0;  ///< that the stream had

    std::span<const batch> got() const { return std::span(all).first(count); }
  };

  bool more() const { return groups_[1 - turn_].count > 0; }

  /// The batches of whole steps.
  void fetch() {
    group& g = groups_[1 - turn_];
    g.count = 0;
    if (failure_ || ended_) return;
    try {
      for (std::size_t i = 0; i < g.all.size(); ++i) {
        ended_ = !data_(g.all[i]);
        if (ended_) return;
        if ((i + 1) % batches_ == 0) g.count = i + 1;
      }
    } catch (...) {
      failure_ = std::current_exception();
    }
  }

  batch_stream data_;
  std::size_t batches_;
  std::array<group, 2> groups_;
  std::size_t turn_ = 0;
  bool begun_ = false, ended_ = false;
  std::exception_ptr failure_;
};

}  // namespace odt
