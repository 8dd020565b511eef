// SPDX-License-Identifier: MIT
#pragma once

#include <odt/cloud/range_cache.hpp>
#include <odt/core/target.hpp>

#include <algorithm>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <exception>
#include <list>
#include <map>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

namespace odt::cloud {

namespace detail::ranges {

inline constexpr std::uint64_t least_part = 64 << 10, largest_part = 8 << 20;

enum class progress { waiting, running, done, failed };

struct part {
  std::shared_ptr<range_cache::fetch> from;
  std::uint64_t offset = 0, size = 0;
  progress at = progress::waiting;
  bool used = false, ahead = false, dropped = false;
  std::string content;
  std::list<std::shared_ptr<part>>::iterator place;  ///< among all parts, the one used longest ago first

  std::uint64_t end() const { return offset + size; }
};

using part_ptr = std::shared_ptr<part>;

}  // namespace detail::ranges

struct range_cache::object::parts {
  std::uint64_t size = 0;
  std::shared_ptr<fetch> from;
  std::map<std::uint64_t, detail::ranges::part_ptr> by_offset;
  std::uint64_t window = detail::ranges::least_part, last_end = 0;  ///< of reads in order
};

struct range_cache::state {
  using part_ptr = detail::ranges::part_ptr;
  using progress = detail::ranges::progress;
  using parts = object::parts;

  explicit state(range_cache_options given) : options(given) {}

  ~state() {
    {
      const std::lock_guard lock(mutex);
      stopping = true;
    }
    work.notify_all();
    for (std::thread& thread : threads) thread.join();
  }

  /// Forgets a part; one that is being fetched is dropped when it comes.
  void drop(parts& of, const part_ptr& p) {
    if (std::exchange(p->dropped, true)) return;
    of.by_offset.erase(p->offset);
    total -= p->size;
    all.erase(p->place);
    owners.erase(p.get());
    std::erase(queue, p);
  }

  bool make_room(std::uint64_t size, bool for_hint) {
    for (const bool unread : {false, true}) {
      if (unread && for_hint) break;
      for (auto at = all.begin(); at != all.end() && total + size > options.bytes;) {
        const part_ptr p = *at++;
        if (p->at == progress::done && (p->used || unread)) drop(*owners.at(p.get()), p);
      }
    }
    return total + size <= options.bytes;
  }

  /// Nothing: there is no room.
  part_ptr add(parts& to, std::uint64_t offset, std::uint64_t size, bool for_hint) {
    if (!make_room(size, for_hint)) return nullptr;
    auto p = std::make_shared<detail::ranges::part>();
    p->from = to.from;
    p->offset = offset;
    p->size = size;
    p->place = all.insert(all.end(), p);
    owners[p.get()] = &to;
    to.by_offset[offset] = p;
    total += size;
    return p;
  }

  void hint(parts& of, std::uint64_t offset, std::uint64_t size, bool ahead) {
    if (offset >= of.size) return;
    size = std::min(size, of.size - offset);
    if (size == 0 || covering(of, offset) || of.by_offset.contains(offset)) return;
    const part_ptr p = add(of, offset, size, true);
    if (!p) return;
    p->ahead = ahead;
    queue.push_back(p);
    if (std::ssize(threads) < options.threads && std::ssize(queue) > idle) threads.emplace_back([this] { run(); });
    work.notify_one();
  }

  static part_ptr covering(const parts& of, std::uint64_t offset) {
    auto at = of.by_offset.upper_bound(offset);
    for (int looked = 0; at != of.by_offset.begin() && looked < 4; ++looked)
      if (const part_ptr& p = (--at)->second; p->end() > offset) return p;
    return nullptr;
  }

  /// Fetches with the lock given up meanwhile. A part that cannot be had is forgotten.
  std::exception_ptr fetch_now(std::unique_lock<std::mutex>& lock, const part_ptr& p) {
    p->at = progress::running;
    lock.unlock();
    std::exception_ptr error;
    try {
      p->content = (*p->from)(p->offset, p->size);
    } catch (...) {
      error = std::current_exception();
    }
    lock.lock();
    p->at = error ? progress::failed : progress::done;
    if (error && !p->dropped) drop(*owners.at(p.get()), p);
    arrived.notify_all();
    return error;
  }

  void run() {
    std::unique_lock lock(mutex);
    for (;;) {
      ++idle;
      work.wait(lock, [&] { return stopping || !queue.empty(); });
      --idle;
      if (stopping) return;
      const part_ptr p = queue.front();
      queue.pop_front();
      fetch_now(lock, p);
    }
  }

  /// How much to fetch for a read that nothing covers: in order ever more.
  static std::uint64_t next_size(parts& of, std::uint64_t offset, std::uint64_t wanted) {
    const bool in_order = of.last_end != 0 && offset >= of.last_end && offset - of.last_end <= of.window;
    of.window = in_order ? std::min(of.window * 2, detail::ranges::largest_part) : detail::ranges::least_part;
    const std::uint64_t size = std::clamp(wanted, of.window, detail::ranges::largest_part);
    return std::min(size, of.size - offset);
  }

  /// A new part for a read that nothing covers; what comes behind it is fetched meanwhile. Nothing: there is no room.
  part_ptr begin(parts& of, std::uint64_t offset, std::uint64_t wanted) {
    const std::uint64_t size = next_size(of, offset, wanted);
    of.last_end = offset + size;
    const part_ptr p = add(of, offset, size, false);
    if (of.window > detail::ranges::least_part || wanted > size) hint(of, offset + size, of.window, true);
    return p;
  }

  /// Waits until the part is there. False: it could not be fetched ahead.
  bool complete(std::unique_lock<std::mutex>& lock, const part_ptr& p) {
    if (p->at == progress::waiting) {
      std::erase(queue, p);
      if (const auto error = fetch_now(lock, p)) std::rethrow_exception(error);
    }
    arrived.wait(lock, [&] { return p->at == progress::done || p->at == progress::failed; });
    return p->at == progress::done;
  }

  /// Reads in order go on: what comes behind a part that was fetched ahead is fetched when it is used.
  void use(parts& of, const part_ptr& p) {
    if (!p->dropped) all.splice(all.end(), all, p->place);
    if (std::exchange(p->used, true) || !p->ahead) return;
    of.last_end = p->end();
    of.window = std::min(of.window * 2, detail::ranges::largest_part);
    hint(of, p->end(), of.window, true);
  }

  /// Reads from one part, or past all of them where there is no room; says how much, which may be nothing yet.
  std::size_t read_piece(std::unique_lock<std::mutex>& lock, parts& of, std::uint64_t offset, std::span<char> out) {
    part_ptr p = covering(of, offset);
    if (!p) p = begin(of, offset, out.size());
    if (p && !complete(lock, p)) return 0;
    if (p) use(of, p);
    const std::size_t count = std::min<std::uint64_t>(out.size(), p ? p->end() - offset : detail::ranges::largest_part);
    lock.unlock();
    if (p)
      std::memcpy(out.data(), p->content.data() + (offset - p->offset), count);
    else
      std::memcpy(out.data(), (*of.from)(offset, count).data(), count);
    lock.lock();
    return count;
  }

  range_cache_options options;
  mutable std::mutex mutex;
  std::condition_variable work, arrived;
  std::list<part_ptr> all;
  std::map<const detail::ranges::part*, parts*> owners;
  std::deque<part_ptr> queue;
  std::uint64_t total = 0;
  int idle = 0;
  bool stopping = false;
  std::vector<std::thread> threads;
};

ODT_INLINE range_cache::range_cache(range_cache_options options) : state_(std::make_unique<state>(options)) {}
ODT_INLINE range_cache::~range_cache() = default;

ODT_INLINE std::uint64_t range_cache::bytes() const {
  const std::lock_guard lock(state_->mutex);
  return state_->total;
}

ODT_INLINE range_cache::object::object(range_cache& cache, std::uint64_t size, fetch from)
    : cache_(cache), parts_(std::make_shared<parts>()) {
  parts_->size = size;
  parts_->from = std::make_shared<fetch>(std::move(from));
}

ODT_INLINE range_cache::object::~object() {
  const std::lock_guard lock(cache_.state_->mutex);
  while (!parts_->by_offset.empty())
    cache_.state_->drop(*parts_, detail::ranges::part_ptr(parts_->by_offset.begin()->second));
}

ODT_INLINE std::size_t range_cache::object::read(std::uint64_t offset, std::span<char> out) {
  state& s = *cache_.state_;
  if (offset >= parts_->size) return 0;
  out = out.first(std::min<std::uint64_t>(out.size(), parts_->size - offset));
  std::unique_lock lock(s.mutex);
  for (std::size_t done = 0; done < out.size();) done += s.read_piece(lock, *parts_, offset + done, out.subspan(done));
  return out.size();
}

ODT_INLINE void range_cache::object::expect(std::uint64_t offset, std::uint64_t size) {
  const std::lock_guard lock(cache_.state_->mutex);
  cache_.state_->hint(*parts_, offset, size, false);
}

ODT_INLINE void range_cache::object::forget(std::uint64_t offset, std::uint64_t size) {
  const std::lock_guard lock(cache_.state_->mutex);
  for (std::uint64_t at = offset; at < offset + size;) {
    const auto p = state::covering(*parts_, at);
    if (!p) break;
    at = p->end();
    cache_.state_->drop(*parts_, p);
  }
}

}  // namespace odt::cloud
