// SPDX-License-Identifier: MIT
// What lets the GPUs of a program's ranks add up gradients: the unit of odt::nccl.
#pragma once

#include <odt/core/error.hpp>
#include <odt/core/target.hpp>
#include <odt/distributed/device_choice.hpp>
#include <odt/distributed/nccl/nccl_transport.hpp>
#include <odt/exec/cuda/machine/error.hpp>
#include <odt/io/file.hpp>

#include <chrono>
#include <cstring>
#include <memory>
#include <thread>
#include <vector>

namespace odt {

ODT_INLINE nccl_transport::nccl_transport(communicator& ranks)
    : ranks_(ranks), watched_(dynamic_cast<bucket_communicator*>(&ranks)) {
  choose_device();
  join();
}

ODT_INLINE nccl_transport::~nccl_transport() {
  if (comm_) ncclCommAbort(comm_);  // whoever still waits for something would wait forever
}

ODT_INLINE void nccl_transport::choose_device() {
  int count = 0;
  cuda::check(cudaGetDeviceCount(&count), "cudaGetDeviceCount");
  const std::string host = host_name();
  const int device = device_of(rank(), ranks_.gather(host), count);
  cuda::check(cudaSetDevice(device), "cudaSetDevice");
  char bus[64] = {};
  cuda::check(cudaDeviceGetPCIBusId(bus, sizeof bus, device), "cudaDeviceGetPCIBusId");
  require_own_devices(ranks_.gather(str(bus, " of ", host)));
}

ODT_INLINE void nccl_transport::join() {
  ncclUniqueId id{};
  if (rank() == 0) require(ncclGetUniqueId(&id), "as it begins");
  const std::string first = ranks_.gather({id.internal, sizeof id.internal})[0];
  std::memcpy(id.internal, first.data(), sizeof id.internal);
  if (watched_) watched_->watch("as NCCL begins");
  require(ncclCommInitRank(&comm_, ranks(), id, rank()), "as it begins");
  if (watched_) watched_->watch({});
}

/// NCCL connects when something is first sent, and that waits for the other ranks.
ODT_INLINE void nccl_transport::watch_launches() {
  if (watched_ && !watching_) watched_->watch("as a step is launched");
  watching_ = true;
}

ODT_INLINE void nccl_transport::exchange(cudaStream_t on, std::span<const std::span<const char>> out,
                                         std::span<const std::span<char>> in) {
  const std::string doing = "in an exchange";
  watch_launches();
  require(ncclGroupStart(), doing);
  for (int r = 0; r < ranks(); ++r) {
    const auto other = static_cast<std::size_t>(r);
    if (r == rank()) continue;
    if (!out[other].empty()) require(ncclSend(out[other].data(), out[other].size(), ncclChar, r, comm_, on), doing);
    if (!in[other].empty()) require(ncclRecv(in[other].data(), in[other].size(), ncclChar, r, comm_, on), doing);
  }
  require(ncclGroupEnd(), doing);
}

ODT_INLINE bool nccl_transport::sum_in_any_order(cudaStream_t on, std::span<float> numbers) {
  if (!watched_ || !watched_->any_order) return false;
  watch_launches();
  require(ncclAllReduce(numbers.data(), numbers.data(), numbers.size(), ncclFloat, ncclSum, comm_, on), "in a sum");
  return true;
}

/// All ranks have launched the step before this: it takes longer than the deadline only where one of them, or what lies
/// between them, has failed.
ODT_INLINE void nccl_transport::wait(cudaStream_t on, const std::function<std::string()>& doing) {
  using clock = std::chrono::steady_clock;
  const clock::time_point began = clock::now();
  clock::time_point looked = began;
  for (int rounds = 0;; ++rounds) {
    const cudaError_t state = cudaStreamQuery(on);
    if (state == cudaSuccess) break;
    if (state != cudaErrorNotReady) cuda::check(state, str("the train step, ", doing()).c_str());
    ncclResult_t result = ncclSuccess;
    require(ncclCommGetAsyncError(comm_, &result), "while it is asked");
    if (result != ncclInProgress) require(result, doing());
    if (rounds > 100) std::this_thread::sleep_for(std::chrono::microseconds(20));
    if (!watched_ || clock::now() - looked < std::chrono::milliseconds(200)) continue;
    looked = clock::now();
    watched_->watch(doing());
    if (const double waited = std::chrono::duration<double>(looked - began).count(); waited > watched_->timeout())
      give_up(str("the GPUs have not come to an end for ", static_cast<int>(waited), " s"), doing());
  }
  if (watched_) watched_->watch({});
  watching_ = false;
}

ODT_INLINE void nccl_transport::require(ncclResult_t result, const std::string& doing) {
  if (result == ncclSuccess) return;
  const char* const more = ncclGetLastError(comm_);
  give_up(str("NCCL: ", ncclGetErrorString(result), more && *more ? str(" (", more, ")") : ""), doing);
}

ODT_INLINE void nccl_transport::give_up(const std::string& why, const std::string& doing) {
  if (comm_) ncclCommAbort(comm_);
  comm_ = nullptr;
  fail("rank ", rank(), " (", host_name(), "): ", why, ", ", doing,
       "; the same command goes on from the last checkpoint");
}

namespace detail::nccl {

inline const bool joins = [] {
  cuda::device_transport_of_program() = [](communicator& ranks) { return std::make_unique<nccl_transport>(ranks); };
  return true;
}();

}  // namespace detail::nccl

}  // namespace odt
