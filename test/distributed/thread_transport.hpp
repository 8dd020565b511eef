// SPDX-License-Identifier: MIT
// Ranks that are threads of one process.
#pragma once

#include <odt/distributed/bucket_communicator.hpp>

#include <algorithm>
#include <barrier>
#include <cstddef>
#include <exception>
#include <memory>
#include <span>
#include <string>
#include <thread>
#include <vector>

namespace odt::test {

/// What the threads share.
struct meeting {
  explicit meeting(int ranks) : point(ranks), given(static_cast<std::size_t>(ranks)) {}

  std::barrier<> point;
  std::vector<std::span<const std::span<const char>>> given;  ///< by rank: what it sends to each
};

class thread_transport final : public transport {
 public:
  thread_transport(meeting& all, int own) : all_(all), own_(own) {}

  int rank() const override { return own_; }
  int ranks() const override { return static_cast<int>(all_.given.size()); }
  void exchange(std::span<const std::span<const char>> out, std::span<const std::span<char>> in,
                const std::string& doing) override {
    const auto own = static_cast<std::size_t>(own_);
    done.push_back(doing);
    all_.given[own] = out;
    all_.point.arrive_and_wait();
    for (std::size_t r = 0; r < in.size(); ++r)
      if (r != own) std::ranges::copy(all_.given[r][own], in[r].begin());
    all_.point.arrive_and_wait();
  }

  std::vector<std::string> done;

 private:
  meeting& all_;
  int own_;
};

/// Runs body(communicator) for each rank in a thread; what one throws is thrown here.
template <class Body>
void run_ranks(int ranks, std::size_t bucket, const Body& body) {
  meeting all(ranks);
  std::vector<std::exception_ptr> failures(static_cast<std::size_t>(ranks));
  std::vector<std::thread> threads;
  for (int r = 0; r < ranks; ++r)
    threads.emplace_back([&, r] {
      thread_transport transport(all, r);
      bucket_communicator communicator(transport, bucket);
      try {
        body(communicator);
      } catch (...) {
        failures[static_cast<std::size_t>(r)] = std::current_exception();
      }
    });
  for (std::thread& t : threads) t.join();
  for (const std::exception_ptr& failure : failures)
    if (failure) std::rethrow_exception(failure);
}

}  // namespace odt::test
