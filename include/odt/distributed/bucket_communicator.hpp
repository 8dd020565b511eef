// SPDX-License-Identifier: MIT
// Ranks over a transport: a thread of its own adds up gradients while backward still makes them, by a fixed list of
// buckets, so that every rank exchanges the same ones in the same order whatever its data is. Each rank adds up its
// part of a bucket and gives the sums to all: a ring's volume. The order of a sum is that of pairwise_sum.
#pragma once

#include <odt/distributed/transport.hpp>
#include <odt/exec/communicator.hpp>

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace odt {

class bucket_communicator final : public communicator {
 public:
  static constexpr std::size_t usual_bucket = std::size_t{1} << 20;  ///< floats

  /// The transport outlives it.
  explicit bucket_communicator(transport& how, std::size_t bucket = usual_bucket);
  ~bucket_communicator() override;
  bucket_communicator(const bucket_communicator&) = delete;
  bucket_communicator& operator=(const bucket_communicator&) = delete;

  int rank() const override { return transport_.rank(); }
  int ranks() const override { return transport_.ranks(); }
  void begin(std::int64_t step) override;
  std::vector<std::string> gather(std::string_view bytes) override;
  void finished(std::span<float> gradients) override;
  void wait() override;

  /// Until this is said again, and with words, looks whether the other ranks live: for who waits for them in another
  /// way.
  void watch(const std::string& doing);
  double timeout() const { return transport_.timeout(); }

  /// Whether accelerators, which add up gradients in their own ways, may do so in any order.
  bool any_order = false;

  /// Seconds that wait() has waited so far: the part of the sums that backward did not hide.
  double waited() const { return waited_; }

 private:
  void work();
  void run(std::unique_lock<std::mutex>& lock, const std::function<void()>& job);
  std::size_t end_of_bucket() const;
  std::vector<std::string> gather_now(std::string_view bytes);
  void sum_bucket(std::span<float> bucket);

  transport& transport_;
  std::size_t bucket_;
  std::mutex mutex_;
  std::condition_variable wake_, done_;
  std::function<void()> request_;  ///< of gather
  std::span<float> gradients_;     ///< finished so far
  std::size_t summed_ = 0;         ///< of them
  bool whole_ = false;             ///< no more are to come
  bool stopping_ = false;
  std::int64_t step_ = 0;
  std::string watched_;
  double waited_ = 0;
  std::exception_ptr failure_;
  std::vector<float> parts_;  ///< [ranks, part of a bucket], the thread's own
  std::thread thread_;
};

}  // namespace odt

#if defined(ODT_HEADER_ONLY)
#include <odt/distributed/bucket_communicator.ipp>
#endif
