// SPDX-License-Identifier: MIT
// A stream, and a sequence of launches on it kept as one CUDA graph.
#pragma once

#include <odt/exec/cuda/machine/error.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <type_traits>
#include <utility>

namespace odt::cuda {

class stream {
 public:
  stream() { check(cudaStreamCreateWithFlags(&handle_, cudaStreamNonBlocking), "cudaStreamCreate"); }
  ~stream() { cudaStreamDestroy(handle_); }
  stream(const stream&) = delete;
  stream& operator=(const stream&) = delete;

  operator cudaStream_t() const { return handle_; }
  void wait() const { check(cudaStreamSynchronize(handle_), "cudaStreamSynchronize"); }

 private:
  cudaStream_t handle_ = nullptr;
};

/// Time between two points of a stream.
class event_clock {
 public:
  event_clock() {
    check(cudaEventCreate(&begin_), "cudaEventCreate");
    check(cudaEventCreate(&end_), "cudaEventCreate");
  }
  ~event_clock() { cudaEventDestroy(begin_), cudaEventDestroy(end_); }
  event_clock(const event_clock&) = delete;
  event_clock& operator=(const event_clock&) = delete;

  void begin(cudaStream_t on) { check(cudaEventRecord(begin_, on), "cudaEventRecord"); }
  void end(cudaStream_t on) { check(cudaEventRecord(end_, on), "cudaEventRecord"); }
  /// Once the stream has passed the end.
  double seconds() const {
    float milliseconds = 0;
    check(cudaEventElapsedTime(&milliseconds, begin_, end_), "cudaEventElapsedTime");
    return static_cast<double>(milliseconds) * 1e-3;
  }

 private:
  cudaEvent_t begin_ = nullptr, end_ = nullptr;
};

/// Empty until something is captured.
class graph {
 public:
  /// Captures what `work` launches on the stream, without running it.
  template <class Work>
  void capture(const stream& on, const Work& work) {
    cudaGraph_t captured = nullptr;
    check(cudaStreamBeginCapture(on, cudaStreamCaptureModeThreadLocal), "cudaStreamBeginCapture");
    try {
      work();
    } catch (...) {
      cudaStreamEndCapture(on, &captured);
      if (captured) cudaGraphDestroy(captured);
      throw;
    }
    check(cudaStreamEndCapture(on, &captured), "cudaStreamEndCapture");
    const std::unique_ptr<std::remove_pointer_t<cudaGraph_t>, destroy> owner(captured);
    cudaGraphExec_t executable = nullptr;
    check(cudaGraphInstantiate(&executable, captured, 0), "cudaGraphInstantiate");
    executable_.reset(executable);
  }

  explicit operator bool() const { return executable_ != nullptr; }
  void launch(const stream& on) const { check(cudaGraphLaunch(executable_.get(), on), "cudaGraphLaunch"); }

 private:
  struct destroy {
    void operator()(cudaGraph_t g) const { cudaGraphDestroy(g); }
    void operator()(cudaGraphExec_t g) const { cudaGraphExecDestroy(g); }
  };
  std::unique_ptr<std::remove_pointer_t<cudaGraphExec_t>, destroy> executable_;
};

/// A sequence of launches that runs as it is when it comes first, which loads its kernels, and as a graph from then on.
/// What it reads may lie in two slots, each with a graph.
class replayed {
 public:
  /// What a graph is of: other memory, or the work of another subject, makes it new.
  struct key {
    int generation = -1;
    std::uint64_t subject = 0;
    bool operator==(const key&) const = default;
  };

  /// The graph of the work, captured if need be; null if it is to run as it is.
  template <class Work>
  const graph* captured(const stream& on, const key& of, std::size_t slot, const Work& work) {
    const std::uint64_t own = readiness(of, slot);
    if (own == runs_as_it_is) return nullptr;
    if (own == can_be_captured) capture(on, slot, work, can_be_captured + 1);
    return &graphs_[slot];
  }

  // The same in parts, for work that several processes launch together: all have to launch the graphs of one capture,
  // or none.

  static constexpr std::uint64_t runs_as_it_is = 0, can_be_captured = 1;  ///< what is above is a capture's number
  /// How far the work of a slot is; the next time it is farther.
  std::uint64_t readiness(const key& of, std::size_t slot) {
    if (of != key_) graphs_ = {}, numbers_ = {}, seen_ = false, key_ = of;
    if (!std::exchange(seen_, true)) return runs_as_it_is;
    return graphs_[slot] ? numbers_[slot] : can_be_captured;
  }
  template <class Work>
  void capture(const stream& on, std::size_t slot, const Work& work, std::uint64_t number) {
    graphs_[slot].capture(on, work);
    numbers_[slot] = number;
  }
  const graph* of_slot(std::size_t slot) const { return &graphs_[slot]; }

 private:
  std::array<graph, 2> graphs_;
  std::array<std::uint64_t, 2> numbers_{};
  key key_;
  bool seen_ = false;
};

}  // namespace odt::cuda
