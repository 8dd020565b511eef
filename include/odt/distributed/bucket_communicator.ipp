// SPDX-License-Identifier: MIT
#pragma once

#include <odt/core/target.hpp>
#include <odt/core/text.hpp>
#include <odt/distributed/bucket_communicator.hpp>

#include <algorithm>
#include <chrono>
#include <cstring>

namespace odt {

namespace detail::buckets {

/// Where each rank's part of that many elements begins, and the end.
ODT_INLINE std::vector<std::size_t> parts(std::size_t elements, std::size_t ranks) {
  std::vector<std::size_t> begins;
  for (std::size_t r = 0; r <= ranks; ++r) begins.push_back(elements * r / ranks);
  return begins;
}

/// Adds up the rows of [rows, columns] into the first one, in the order of pairwise_sum.
ODT_INLINE void sum_rows(float* values, std::size_t rows, std::size_t columns) {
  for (std::size_t stride = 1; stride < rows; stride *= 2)
    for (std::size_t row = 0; row + stride < rows; row += 2 * stride) {
      float* const earlier = values + row * columns;
      const float* const later = values + (row + stride) * columns;
      for (std::size_t i = 0; i < columns; ++i) earlier[i] += later[i];
    }
}

ODT_INLINE std::span<const char> bytes_of(std::span<const float> v) {
  return {reinterpret_cast<const char*>(v.data()), v.size_bytes()};
}
ODT_INLINE std::span<char> bytes_of(std::span<float> v) { return {reinterpret_cast<char*>(v.data()), v.size_bytes()}; }

}  // namespace detail::buckets

ODT_INLINE bucket_communicator::bucket_communicator(transport& how, std::size_t bucket)
    : transport_(how), bucket_(bucket), thread_([this] { work(); }) {}

ODT_INLINE bucket_communicator::~bucket_communicator() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  thread_.join();
}

ODT_INLINE void bucket_communicator::begin(std::int64_t step) {
  const std::lock_guard lock(mutex_);
  step_ = step;
}

ODT_INLINE void bucket_communicator::watch(const std::string& doing) {
  const std::lock_guard lock(mutex_);
  watched_ = doing;
}

ODT_INLINE std::vector<std::string> bucket_communicator::gather(std::string_view bytes) {
  std::vector<std::string> all;
  std::unique_lock lock(mutex_);
  request_ = [&] { all = gather_now(bytes); };
  wake_.notify_all();
  done_.wait(lock, [this] { return !request_ || failure_; });
  if (failure_) std::rethrow_exception(failure_);
  return all;
}

ODT_INLINE void bucket_communicator::finished(std::span<float> gradients) {
  {
    const std::lock_guard lock(mutex_);
    gradients_ = gradients;
  }
  wake_.notify_all();
}

ODT_INLINE void bucket_communicator::wait() {
  const auto begin = std::chrono::steady_clock::now();
  std::unique_lock lock(mutex_);
  whole_ = true;
  wake_.notify_all();
  done_.wait(lock, [this] { return summed_ == gradients_.size() || failure_; });
  if (failure_) std::rethrow_exception(failure_);
  gradients_ = {}, summed_ = 0, whole_ = false;
  waited_ += std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

/// Of the next bucket that can be summed; summed_ where there is none.
ODT_INLINE std::size_t bucket_communicator::end_of_bucket() const {
  if (summed_ + bucket_ <= gradients_.size()) return summed_ + bucket_;
  return whole_ ? gradients_.size() : summed_;
}

ODT_INLINE void bucket_communicator::work() {
  std::unique_lock lock(mutex_);
  while (!failure_) {
    wake_.wait_for(lock, std::chrono::seconds(1),
                   [this] { return stopping_ || request_ || end_of_bucket() > summed_; });
    // Buckets first: what was finished before a request is then summed before it, on every rank.
    if (const std::size_t end = end_of_bucket(); end > summed_) {
      const std::span<float> bucket = gradients_.subspan(summed_, end - summed_);
      run(lock, [&] { sum_bucket(bucket); });
      summed_ = end;
    } else if (request_) {
      run(lock, request_);
      request_ = {};
    } else if (stopping_) {
      return;
    } else {
      run(lock, [this, doing = watched_] { doing.empty() ? transport_.idle() : transport_.watch(doing); });
    }
    done_.notify_all();
  }
}

/// Without the lock; what is thrown is the communicator's end.
ODT_INLINE void bucket_communicator::run(std::unique_lock<std::mutex>& lock, const std::function<void()>& job) {
  lock.unlock();
  try {
    job();
    lock.lock();
  } catch (...) {
    lock.lock();
    failure_ = std::current_exception();
  }
}

ODT_INLINE std::vector<std::string> bucket_communicator::gather_now(std::string_view bytes) {
  const auto all = static_cast<std::size_t>(ranks()), own = static_cast<std::size_t>(rank());
  const std::string doing = str("at step ", step_);
  const std::uint64_t size = bytes.size();
  std::vector<std::uint64_t> sizes(all, size);
  std::vector<std::span<const char>> out(all, {reinterpret_cast<const char*>(&size), sizeof size});
  std::vector<std::span<char>> in;
  for (std::uint64_t& s : sizes) in.emplace_back(reinterpret_cast<char*>(&s), sizeof s);
  transport_.exchange(out, in, doing);
  std::vector<std::string> gathered(all);
  for (std::size_t r = 0; r < all; ++r) {
    gathered[r].resize(sizes[r]);
    in[r] = gathered[r];
    out[r] = bytes;
  }
  transport_.exchange(out, in, doing);
  gathered[own] = bytes;
  return gathered;
}

ODT_INLINE void bucket_communicator::sum_bucket(std::span<float> bucket) {
  namespace d = detail::buckets;
  const auto all = static_cast<std::size_t>(ranks()), own = static_cast<std::size_t>(rank());
  const std::vector<std::size_t> begins = d::parts(bucket.size(), all);
  const auto part = [&](std::size_t r) { return bucket.subspan(begins[r], begins[r + 1] - begins[r]); };
  const std::span<float> mine = part(own);
  const std::string doing = str("in bucket ", summed_ / bucket_, " of step ", step_);
  parts_.resize(all * mine.size());
  std::vector<std::span<const char>> out;
  std::vector<std::span<char>> in;
  for (std::size_t r = 0; r < all; ++r) {
    out.push_back(d::bytes_of(std::span<const float>(part(r))));
    in.push_back(d::bytes_of(std::span<float>(parts_).subspan(r * mine.size(), mine.size())));
  }
  std::copy(mine.begin(), mine.end(), parts_.begin() + static_cast<std::ptrdiff_t>(own * mine.size()));
  transport_.exchange(out, in, doing);
  d::sum_rows(parts_.data(), all, mine.size());
  std::copy_n(parts_.begin(), mine.size(), mine.begin());
  for (std::size_t r = 0; r < all; ++r) {
    out[r] = d::bytes_of(std::span<const float>(mine));
    in[r] = d::bytes_of(part(r));
  }
  transport_.exchange(out, in, doing);
}

}  // namespace odt
