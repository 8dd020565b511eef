// SPDX-License-Identifier: MIT
// How numbers get from GPU to GPU, where each is that of a rank: by NCCL, or in tests from thread to thread.
#pragma once

#include <odt/exec/communicator.hpp>

#include <cuda_runtime.h>

#include <functional>
#include <memory>
#include <span>
#include <string>

namespace odt::cuda {

/// All ranks put the same calls on their streams in the same order. A stream may be one that is being captured; then it
/// is on all ranks.
class device_transport {
 public:
  virtual ~device_transport() = default;

  virtual int rank() const = 0;
  virtual int ranks() const = 0;

  /// Work that sends out[r] to each other rank r and fills in[r] with what that sent here, all in device memory; sizes
  /// agree on both sides, elements of this rank itself are left alone.
  virtual void exchange(cudaStream_t on, std::span<const std::span<const char>> out,
                        std::span<const std::span<char>> in) = 0;

  /// Where the order of sums is left to the transport: work that replaces numbers in device memory by their sums over
  /// all ranks. False: it is not, and nothing was done.
  virtual bool sum_in_any_order(cudaStream_t /*on*/, std::span<float> /*numbers*/) { return false; }

  /// Waits until all work on the stream is done; what keeps another rank from its part is an error. `doing` says what
  /// is under way.
  virtual void wait(cudaStream_t on, const std::function<std::string()>& doing) = 0;
};

/// Chooses this rank's GPU for the calling thread, and finds the others'. Waits for all ranks.
using device_transport_maker = std::function<std::unique_ptr<device_transport>(communicator&)>;

/// Empty unless the program links odt::nccl, which sets it.
inline device_transport_maker& device_transport_of_program() {
  static device_transport_maker maker;
  return maker;
}

}  // namespace odt::cuda
