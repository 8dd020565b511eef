// SPDX-License-Identifier: MIT
// What the GPUs of several ranks add up in a train step, on a stream of its own beside the step's: numbers that
// decisions depend on, the moves of moving averages, and gradients while backward still makes them, by a fixed list of
// buckets, so that every rank exchanges the same in the same order whatever its data is. Each rank adds up its part of
// a bucket and gives the sums to all, as bucket_communicator does on CPUs and with its bits. In a captured graph all of
// it is a branch.
#pragma once

#include <odt/exec/cuda/machine/memory.hpp>
#include <odt/exec/cuda/machine/side_stream.hpp>
#include <odt/exec/cuda/ranks/device_transport.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

namespace odt::cuda {

class rank_sums {
 public:
  static constexpr std::size_t usual_bucket = std::size_t{1} << 20;  ///< floats
  static constexpr int most_numbers = 16;

  /// For stores of so many gradients and moving averages.
  rank_sums(std::unique_ptr<device_transport> how, std::int64_t gradients, std::int64_t averages,
            std::size_t bucket = usual_bucket);

  int rank() const { return transport_->rank(); }
  int ranks() const { return transport_->ranks(); }

  /// From now on gradients become means over the ranks: of losses that a rank divides by what it has itself.
  void take_means() { gradient_scale_ = 1.0f / static_cast<float>(ranks()); }

  /// A step begins; `main` below is its stream.
  void begin();

  /// [most_numbers] in device memory, this rank's.
  double* numbers() const { return numbers_.data(); }
  /// Begins to replace the first `count` of them by their sums. What is begun here or below has a number.
  int start_numbers(cudaStream_t main, int count);
  /// The main stream goes on when all up to that piece is there.
  void await(cudaStream_t main, int piece) { side_.wait_until(main, piece); }

  /// Notes the moving averages before forward moves them...
  void keep(cudaStream_t main, const float* averages);
  /// ...puts these back behind it, and begins to add up the moves...
  void start_moves(cudaStream_t main, float* averages);
  /// ...and when all is there, moves them by the mean over all ranks.
  void finish_moves(cudaStream_t main, float* averages);

  /// The first `count` gradients of the store are final where the main stream is; called again as backward goes on.
  void finished(cudaStream_t main, float* gradients, std::int64_t count);
  /// The main stream goes on when all gradients are sums over all ranks, and all that was begun before is there.
  void await_all(cudaStream_t main, float* gradients);

  /// Waits until the step on `main` is done.
  void wait(cudaStream_t main, std::int64_t step) const;

  std::size_t bytes() const { return numbers_.bytes() + all_numbers_.bytes() + rows_.bytes() + moves_.bytes() * 2; }

 private:
  int start(cudaStream_t main);
  int end_piece();
  void sum_bucket(std::span<float> bucket, float scale);
  std::string place(std::int64_t step) const;

  std::unique_ptr<device_transport> transport_;
  std::size_t bucket_, gradients_;
  float gradient_scale_ = 1;
  device_array<double> numbers_, all_numbers_;  ///< of this rank; [ranks, most_numbers]
  device_array<float> rows_;                    ///< [ranks, part of a bucket]
  device_array<float> before_, moves_;          ///< of the moving averages
  side_stream side_;
  int piece_ = 0;
  std::size_t summed_ = 0;
  int buckets_ = 0, of_step_ = 0;  ///< of the step that is launched or captured so far, and in all
  pinned_array<int> told_;         ///< how many the device is through with
};

}  // namespace odt::cuda
