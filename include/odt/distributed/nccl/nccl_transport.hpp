// SPDX-License-Identifier: MIT
// NCCL between the GPUs of MPI's ranks, as a transport; which sums are made, and in which order, is ours, unless the
// order is left to it.
#pragma once

#include <odt/distributed/bucket_communicator.hpp>
#include <odt/exec/cuda/ranks/device_transport.hpp>

#include <nccl.h>

#include <functional>
#include <span>
#include <string>

namespace odt {

/// A process has one GPU: the one with its number among the ranks of its machine, or the only one that it sees.
class nccl_transport final : public cuda::device_transport {
 public:
  /// The ranks outlive it. Waits for all of them.
  explicit nccl_transport(communicator& ranks);
  ~nccl_transport() override;
  nccl_transport(const nccl_transport&) = delete;
  nccl_transport& operator=(const nccl_transport&) = delete;

  int rank() const override { return ranks_.rank(); }
  int ranks() const override { return ranks_.ranks(); }
  void exchange(cudaStream_t on, std::span<const std::span<const char>> out,
                std::span<const std::span<char>> in) override;
  bool sum_in_any_order(cudaStream_t on, std::span<float> numbers) override;
  void wait(cudaStream_t on, const std::function<std::string()>& doing) override;

 private:
  void choose_device();
  void join();
  void watch_launches();
  void require(ncclResult_t result, const std::string& doing);
  [[noreturn]] void give_up(const std::string& why, const std::string& doing);

  communicator& ranks_;
  bucket_communicator* watched_;  ///< the same, where it can tell whether the other ranks live
  ncclComm_t comm_ = nullptr;
  bool watching_ = false;
};

}  // namespace odt
