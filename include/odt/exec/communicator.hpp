// SPDX-License-Identifier: MIT
// Several processes that take every step of one training together: the ranks. What they have to agree on goes through a
// communicator; all ranks see the same bits, so that all decide alike.
#pragma once

#include <odt/exec/pairwise_sum.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace odt {

/// Sums are those of a pairwise_sum over the ranks, so that any power of two of ranks gives the same bits as one
/// process that adds up all of their shards.
class communicator {
 public:
  virtual ~communicator() = default;

  virtual int rank() const = 0;
  virtual int ranks() const = 0;
  /// The train step with this number begins; for messages.
  virtual void begin(std::int64_t /*step*/) {}
  /// What every rank gives, in the ranks' order. Waits for all ranks.
  virtual std::vector<std::string> gather(std::string_view bytes) = 0;
  /// Says that these gradients, the first of the store, are final on this rank. Called again as backward goes on, with
  /// more; the communicator may add up what it has while it does.
  virtual void finished(std::span<float> gradients) = 0;
  /// Waits until all gradients that were finished since the last wait are sums over all ranks.
  virtual void wait() = 0;
};

/// Replaces each number by its sum over all ranks; null: there is one. Waits for all ranks.
inline void sum_over_ranks(communicator* ranks, std::span<double> numbers) {
  if (!ranks) return;
  const std::vector<std::string> all =
      ranks->gather({reinterpret_cast<const char*>(numbers.data()), numbers.size_bytes()});
  pairwise_sum<double> sum;
  for (const std::string& of_rank : all) {
    std::memcpy(numbers.data(), of_rank.data(), numbers.size_bytes());
    if (&of_rank != &all.back()) sum.add(numbers);
  }
  sum.finish(numbers, 0, numbers.size());
}

}  // namespace odt
