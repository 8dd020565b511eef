// SPDX-License-Identifier: MIT
#include <odt/exec/cuda/ranks/rank_numbers.hpp>
#include <odt/exec/cuda/ranks/rank_sums.hpp>

#include <algorithm>
#include <utility>
#include <vector>

namespace odt::cuda {

namespace {

/// Floats of a rank's part of that many, whole lines of a cache; the last ranks' parts are shorter.
std::size_t part_of(std::size_t elements, int ranks) {
  constexpr std::size_t line = 32;
  const auto all = static_cast<std::size_t>(ranks) * line;
  return (elements + all - 1) / all * line;
}

template <class T>
std::span<const char> bytes_of(std::span<const T> v) {
  return {reinterpret_cast<const char*>(v.data()), v.size_bytes()};
}
template <class T>
std::span<char> bytes_of(std::span<T> v) {
  return {reinterpret_cast<char*>(v.data()), v.size_bytes()};
}

void copy_on_device(cudaStream_t stream, const void* from, void* to, std::size_t bytes) {
  if (bytes == 0) return;
  check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToDevice, stream), "cudaMemcpyAsync");
}

}  // namespace

rank_sums::rank_sums(std::unique_ptr<device_transport> how, std::int64_t gradients, std::int64_t averages,
                     std::size_t bucket)
    : transport_(std::move(how)),
      bucket_(bucket),
      gradients_(static_cast<std::size_t>(gradients)),
      numbers_(most_numbers),
      all_numbers_(numbers_.size() * static_cast<std::size_t>(ranks())),
      rows_(part_of(std::min(bucket, std::max(gradients_, static_cast<std::size_t>(averages))), ranks()) *
            static_cast<std::size_t>(ranks())),
      before_(static_cast<std::size_t>(averages)),
      moves_(before_.size()),
      told_(1) {}

void rank_sums::begin() {
  piece_ = 0, summed_ = 0, buckets_ = 0;
  told_[0] = 0;
}

int rank_sums::start(cudaStream_t main) {
  side_.begin_after(main);
  return ++piece_;
}

int rank_sums::end_piece() {
  side_.end(piece_);
  return piece_;
}

int rank_sums::start_numbers(cudaStream_t main, int count) {
  start(main);
  const auto own = static_cast<std::size_t>(rank()), size = static_cast<std::size_t>(count);
  std::vector<std::span<const char>> out;
  std::vector<std::span<char>> in;
  for (std::size_t r = 0; r < static_cast<std::size_t>(ranks()); ++r) {
    out.push_back(bytes_of(std::span<const double>(numbers_.data(), size)));
    in.push_back(bytes_of(std::span<double>(all_numbers_.data() + r * most_numbers, size)));
  }
  transport_->exchange(side_.stream(), out, in);
  copy_on_device(side_.stream(), numbers_.data(), in[own].data(), in[own].size());
  sum_rows(side_.stream(), all_numbers_.data(), ranks(), most_numbers, count, numbers_.data());
  return end_piece();
}

void rank_sums::keep(cudaStream_t main, const float* averages) {
  copy_on_device(main, averages, before_.data(), before_.bytes());
}

void rank_sums::start_moves(cudaStream_t main, float* averages) {
  take_moves(main, before_.data(), static_cast<std::int64_t>(moves_.size()), averages, moves_.data());
  start(main);
  for (std::size_t at = 0; at < moves_.size(); at += bucket_)
    sum_bucket({moves_.data() + at, std::min(bucket_, moves_.size() - at)}, 1);
  end_piece();
}

void rank_sums::finish_moves(cudaStream_t main, float* averages) {
  put_moves(main, moves_.data(), ranks(), static_cast<std::int64_t>(moves_.size()), averages);
}

void rank_sums::finished(cudaStream_t main, float* gradients, std::int64_t count) {
  const auto final = static_cast<std::size_t>(count);
  if (summed_ + bucket_ > final) return;
  start(main);
  for (; summed_ + bucket_ <= final; summed_ += bucket_) sum_bucket({gradients + summed_, bucket_}, gradient_scale_);
  end_piece();
}

void rank_sums::await_all(cudaStream_t main, float* gradients) {
  finished(main, gradients, static_cast<std::int64_t>(gradients_));
  if (summed_ < gradients_) {
    start(main);
    sum_bucket({gradients + summed_, gradients_ - summed_}, gradient_scale_);
    end_piece();
  }
  await(main, piece_);
  of_step_ = buckets_;
}

void rank_sums::sum_bucket(std::span<float> bucket, float scale) {
  const cudaStream_t stream = side_.stream();
  ++buckets_;
  if (transport_->sum_in_any_order(stream, bucket)) {
    if (scale != 1)
      sum_rows(stream, bucket.data(), 1, 0, static_cast<std::int64_t>(bucket.size()), scale, bucket.data());
    return tell(stream, buckets_, told_.data());
  }
  const auto all = static_cast<std::size_t>(ranks()), own = static_cast<std::size_t>(rank());
  const std::size_t length = part_of(bucket.size(), ranks());
  const auto part = [&](std::size_t r) {
    const std::size_t begin = std::min(r * length, bucket.size());
    return bucket.subspan(begin, std::min(length, bucket.size() - begin));
  };
  const std::span<float> mine = part(own);
  std::vector<std::span<const char>> out(all);
  std::vector<std::span<char>> in(all);
  for (std::size_t r = 0; r < all; ++r) {
    out[r] = bytes_of(std::span<const float>(part(r)));
    in[r] = bytes_of(std::span<float>(rows_.data() + r * length, mine.size()));
  }
  transport_->exchange(stream, out, in);
  copy_on_device(stream, mine.data(), in[own].data(), mine.size_bytes());
  sum_rows(stream, rows_.data(), ranks(), static_cast<std::int64_t>(length), static_cast<std::int64_t>(mine.size()),
           scale, mine.data());
  for (std::size_t r = 0; r < all; ++r) {
    out[r] = bytes_of(std::span<const float>(mine));
    in[r] = bytes_of(part(r));
  }
  transport_->exchange(stream, out, in);
  tell(stream, buckets_, told_.data());
}

void rank_sums::wait(cudaStream_t main, std::int64_t step) const {
  transport_->wait(main, [this, step] { return place(step); });
}

std::string rank_sums::place(std::int64_t step) const {
  const int done = *static_cast<const volatile int*>(told_.data());
  return str("in step ", step, ", behind ", done, " of its ", of_step_, " buckets");
}

}  // namespace odt::cuda
