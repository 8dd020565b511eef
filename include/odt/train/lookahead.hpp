// SPDX-License-Identifier: MIT
// A stream of batches with a view of the one that comes next.
#pragma once

#include <odt/core/batch.hpp>
#include <odt/train/evaluator.hpp>

#include <array>
#include <cstddef>
#include <exception>
#include <utility>

namespace odt {

/// Batches do not move while they are current or next.
class lookahead {
 public:
  explicit lookahead(batch_stream data) : data_(std::move(data)) {}

  /// Makes the next batch the current one and fetches another. False at the stream's end. What the stream throws is
  /// thrown when its batch would have become the current one.
  bool advance() {
    if (!begun_) fetch();
    begun_ = true;
    if (failure_) std::rethrow_exception(failure_);
    if (!more_) return false;
    turn_ = 1 - turn_;
    fetch();
    return true;
  }

  const batch& current() const { return batches_[turn_]; }
  /// Null where the stream ends.
  const batch* next() const { return more_ ? &batches_[1 - turn_] : nullptr; }

 private:
  void fetch() {
    try {
      more_ = data_(batches_[1 - turn_]);
    } catch (...) {
      more_ = false;
      failure_ = std::current_exception();
    }
  }

  batch_stream data_;
  std::array<batch, 2> batches_;
  std::size_t turn_ = 0;
  bool begun_ = false, more_ = false;
  std::exception_ptr failure_;
};

}  // namespace odt
