// SPDX-License-Identifier: MIT
// A second stream for work that the first one does not wait for at once. In a captured graph it becomes a branch.
#pragma once

#include <odt/exec/cuda/machine/graph.hpp>

#include <memory>
#include <vector>

namespace odt::cuda {

class side_stream {
 public:
  /// What follows on the side begins when the main stream has come to here.
  void begin_after(cudaStream_t main) {
    cudaEvent_t here = next_event();
    check(cudaEventRecord(here, main), "cudaEventRecord");
    check(cudaStreamWaitEvent(stream_, here, 0), "cudaStreamWaitEvent");
  }

  cudaStream_t stream() const { return stream_; }

  /// Ends a piece of work, known by a number that rises from piece to piece.
  void end(int number) {
    cudaEvent_t done = next_event();
    check(cudaEventRecord(done, stream_), "cudaEventRecord");
    open_.push_back({number, done});
  }

  /// The main stream goes on when all pieces up to `number` are done.
  void wait_until(cudaStream_t main, int number) {
    std::size_t done = 0;
    while (done < open_.size() && open_[done].number <= number) ++done;
    if (done == 0) return;
    check(cudaStreamWaitEvent(main, open_[done - 1].done, 0), "cudaStreamWaitEvent");
    open_.erase(open_.begin(), open_.begin() + static_cast<std::ptrdiff_t>(done));
    if (open_.empty()) used_ = 0;
  }

 private:
  struct piece {
    int number;
    cudaEvent_t done;
  };
  struct destroy {
    void operator()(cudaEvent_t e) const { cudaEventDestroy(e); }
  };

  /// Events are made once and used again.
  cudaEvent_t next_event() {
    if (used_ == events_.size()) {
      cudaEvent_t made = nullptr;
      check(cudaEventCreateWithFlags(&made, cudaEventDisableTiming), "cudaEventCreate");
      events_.emplace_back(made);
    }
    return events_[used_++].get();
  }

  odt::cuda::stream stream_;
  std::vector<std::unique_ptr<std::remove_pointer_t<cudaEvent_t>, destroy>> events_;
  std::size_t used_ = 0;
  std::vector<piece> open_;
};

}  // namespace odt::cuda
