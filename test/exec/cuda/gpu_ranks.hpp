// SPDX-License-Identifier: MIT
// Ranks that are threads of one process, each with a GPU of its own: emulated ones, which reach each other's memory.
#pragma once

#include <odt/exec/cuda/machine/error.hpp>
#include <odt/exec/cuda/ranks/device_transport.hpp>

#include "distributed/thread_transport.hpp"

#if defined(ODT_CUDA_EMULATED)

#include "exec/cuda/emulation/enqueue.hpp"

#include <algorithm>
#include <barrier>
#include <cstddef>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

namespace odt::test {

/// What the threads share.
struct device_meeting {
  explicit device_meeting(int ranks) : point(ranks), given(static_cast<std::size_t>(ranks)) {}

  std::barrier<> point;
  std::vector<const std::vector<std::span<const char>>*> given;  ///< by rank: what it sends to each
  bool any_order = false;
};

/// Device memory is everybody's here. Work waits for its turn as a kernel does, also in graphs.
class device_thread_transport final : public cuda::device_transport {
 public:
  device_thread_transport(device_meeting& all, int own) : all_(all), own_(static_cast<std::size_t>(own)) {}

  int rank() const override { return static_cast<int>(own_); }
  int ranks() const override { return static_cast<int>(all_.given.size()); }
  void exchange(cudaStream_t, std::span<const std::span<const char>> out,
                std::span<const std::span<char>> in) override {
    emulation::enqueue([this, from = std::vector(out.begin(), out.end()), to = std::vector(in.begin(), in.end())] {
      all_.given[own_] = &from;
      all_.point.arrive_and_wait();
      for (std::size_t r = 0; r < to.size(); ++r) {
        if (r == own_) continue;
        const std::span<const char> sent = (*all_.given[r])[own_];
        if (sent.size() != to[r].size()) throw std::logic_error("two ranks do not agree on a size");
        std::ranges::copy(sent, to[r].begin());
      }
      all_.point.arrive_and_wait();
    });
  }
  /// From the last rank to the first.
  bool sum_in_any_order(cudaStream_t, std::span<float> numbers) override {
    if (!all_.any_order) return false;
    emulation::enqueue([this, numbers] {
      const std::vector<std::span<const char>> own{
          {reinterpret_cast<const char*>(numbers.data()), numbers.size_bytes()}};
      all_.given[own_] = &own;
      all_.point.arrive_and_wait();
      std::vector<float> sums(numbers.size());
      for (std::size_t r = all_.given.size(); r-- > 0;)
        for (std::size_t i = 0; i < sums.size(); ++i)
          sums[i] += reinterpret_cast<const float*>((*all_.given[r])[0].data())[i];
      all_.point.arrive_and_wait();
      std::ranges::copy(sums, numbers.begin());
    });
    return true;
  }
  void wait(cudaStream_t on, const std::function<std::string()>& doing) override {
    cuda::check(cudaStreamSynchronize(on), "cudaStreamSynchronize");
    done.push_back(doing());
  }

  static inline thread_local std::vector<std::string> done;

 private:
  device_meeting& all_;
  std::size_t own_;
};

/// Runs body(communicator) for each rank in a thread, with GPUs that reach each other.
template <class Body>
void run_gpu_ranks(int ranks, const Body& body, bool any_order = false) {
  device_meeting all(ranks);
  all.any_order = any_order;
  cuda::device_transport_of_program() = [&all](communicator& c) {
    return std::make_unique<device_thread_transport>(all, c.rank());
  };
  run_ranks(ranks, 1000, body);
  cuda::device_transport_of_program() = {};
}

}  // namespace odt::test

#endif
