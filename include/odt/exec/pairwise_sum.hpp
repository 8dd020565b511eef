// SPDX-License-Identifier: MIT
// A sum of vectors whose order is a binary tree over their numbers, ((0 + 1) + (2 + 3)) + ...: any 2^k neighbours that
// begin at a multiple of 2^k may be added up elsewhere, and the bits are the same.
#pragma once

#include <odt/core/thread_pool.hpp>

#include <algorithm>
#include <cstddef>
#include <span>
#include <vector>

namespace odt {

template <class T>
class pairwise_sum {
 public:
  /// The pool adds up long vectors and outlives the sum; null: the caller does.
  explicit pairwise_sum(thread_pool* pool = nullptr) : pool_(pool) {}

  /// The next vector; all have one length.
  void add(std::span<const T> vector) {
    std::size_t n = count_++;
    if (n % 2 == 0) {
      if (used_ == nodes_.size()) nodes_.emplace_back();
      nodes_[used_++].assign(vector.begin(), vector.end());
      return;
    }
    add_to(nodes_[used_ - 1], vector);
    for (n /= 2; n % 2 != 0; n /= 2, --used_) add_to(nodes_[used_ - 2], nodes_[used_ - 1]);
  }

  /// Puts elements [from, to) of the sum of all vectors and `last`, the one after them, into `last`.
  void finish(std::span<T> last, std::size_t from, std::size_t to) const {
    each_chunk(to - from, [&](std::size_t begin, std::size_t end) {
      for (std::size_t node = used_; node-- > 0;)
        for (std::size_t i = from + begin; i < from + end; ++i) last[i] = nodes_[node][i] + last[i];
    });
  }

  /// Forgets all vectors and keeps the memory.
  void clear() { used_ = count_ = 0; }

  /// Bytes of the partial sums of that many vectors of a length, the last of which goes to finish().
  static constexpr std::size_t bytes_for(std::size_t vectors, std::size_t length) {
    std::size_t nodes = 0;
    for (std::size_t n = 1; n < vectors; n *= 2) ++nodes;
    return nodes * length * sizeof(T);
  }

 private:
  /// Calls body(begin, end) for parts of [0, length), on all threads.
  template <class Body>
  void each_chunk(std::size_t length, const Body& body) const {
    constexpr std::size_t chunk = 1 << 15;
    if (!pool_ || length <= chunk) return body(0, length);
    pool_->run(static_cast<int>((length + chunk - 1) / chunk), [&](int number, int) {
      const std::size_t begin = static_cast<std::size_t>(number) * chunk;
      body(begin, std::min(begin + chunk, length));
    });
  }

  void add_to(std::vector<T>& earlier, std::span<const T> later) const {
    each_chunk(earlier.size(), [&](std::size_t begin, std::size_t end) {
      for (std::size_t i = begin; i < end; ++i) earlier[i] += later[i];
    });
  }

  thread_pool* pool_;
  std::vector<std::vector<T>> nodes_;  ///< partial sums, those of most vectors first; the first used_ count
  std::size_t used_ = 0, count_ = 0;
};

}  // namespace odt
