// SPDX-License-Identifier: MIT
// Several trainings of one detector, each with a batch of its own, that take every step together: the ranks. What they
// have to agree on goes through a communicator; all ranks see the same bits, so that all decide alike. The moving
// averages of batch norm are each rank's own.
#pragma once

#include <span>

namespace odt {

class communicator {
 public:
  virtual ~communicator() = default;

  virtual int ranks() const = 0;
  /// Replaces each number by its sum over all ranks, added in the ranks' order. Waits for all ranks.
  virtual void sum(std::span<double> numbers) = 0;
  /// Says that these gradients, the first of the store, are final on this rank. Called again as backward goes on, with
  /// more; the communicator may add up what it has while it does.
  virtual void finished(std::span<float> gradients) = 0;
  /// Waits until all gradients that were finished since the last wait are sums over all ranks.
  virtual void wait() = 0;
};

}  // namespace odt
