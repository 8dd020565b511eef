// SPDX-License-Identifier: MIT
#pragma once

#include <odt/core/log.hpp>
#include <odt/core/target.hpp>
#include <odt/serve/batcher.hpp>

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <thread>
#include <utility>

namespace odt::serve {

namespace detail::batching {

/// A request on its way: some of its images may lie in one batch and some in another.
struct job {
  std::vector<prepared_image> images;
  clock::time_point deadline, entered;
  found_images done;
  std::function<bool()> cancelled;
  std::vector<detections> found;
  std::size_t missing = 0;
  bool over = false;

  void finish(const status& how) {
    if (std::exchange(over, true)) return;
    images.clear();
    try {
      done(how, how.ok() ? std::move(found) : std::vector<detections>());
    } catch (const std::exception& wrong) {
      warn("an answer was lost: ", wrong.what());
    }
    done = {};
  }
};

struct place {
  std::shared_ptr<job> of;
  std::size_t number;
  size2 size() const { return of->images[number].size; }
};

/// Images of one size as the detector takes them; behind them zeros up to `size`.
ODT_INLINE batch batch_of(std::span<const prepared_image* const> images, int size) {
  const size2 input = images.front()->size;
  batch b = batch::zeros(size, input.height, input.width, 0);
  const std::size_t pixels = b.images.size() / static_cast<std::size_t>(size);
  for (std::size_t i = 0; i < images.size(); ++i) {
    std::ranges::copy(images[i]->pixels, b.images.begin() + static_cast<std::ptrdiff_t>(i * pixels));
    b.true_sizes[i] = images[i]->true_size;
    b.original_sizes[i] = images[i]->original_size;
  }
  return b;
}

}  // namespace detail::batching

struct batcher::state {
  state(detector& m, batch_options h, std::mutex& t, batch_observer w)
      : model(m), how(std::move(h)), sizes(how.sizes()), turn(t), watch(std::move(w)) {}

  void work();
  std::vector<detail::batching::place> next(std::unique_lock<std::mutex>& lock);
  bool drop_stale();
  std::size_t alike() const;
  void compute(const std::vector<detail::batching::place>& places);
  std::vector<detections> detect(const batch& b);
  int padded(std::size_t images) const;

  detector& model;
  const batch_options how;
  const std::vector<int> sizes;
  std::mutex& turn;
  batch_observer watch;

  std::mutex mutex;
  std::condition_variable wake;
  std::deque<detail::batching::place> queue;
  bool stop = false;
  std::thread thread;
};

ODT_INLINE void batch_options::check() const {
  constexpr auto bad = code::invalid_argument;
  if (max_batch_size < 1 || max_batch_size > 1024)
    refuse(bad, "max_batch_size: ", max_batch_size, " is no number of images from 1 to 1024");
  if (timeout_micros < 0 || timeout_micros > 10'000'000)
    refuse(bad, "batch_timeout_micros: ", timeout_micros, " is no time from 0 to 10000000");
  if (max_enqueued_batches < 1 || max_enqueued_batches > 1'000'000)
    refuse(bad, "max_enqueued_batches: ", max_enqueued_batches, " is no number from 1 to 1000000");
  if (allowed_batch_sizes.empty()) return;
  if (!std::ranges::is_sorted(allowed_batch_sizes) || allowed_batch_sizes.front() < 1)
    refuse(bad, "allowed_batch_sizes: [", join(allowed_batch_sizes, ", "), "] are not positive and rising");
  if (allowed_batch_sizes.back() != max_batch_size)
    refuse(bad, "allowed_batch_sizes: the last, ", allowed_batch_sizes.back(), ", is not max_batch_size, ",
           max_batch_size);
}

ODT_INLINE std::vector<int> batch_options::sizes() const {
  if (!allowed_batch_sizes.empty()) return allowed_batch_sizes;
  std::vector<int> powers;
  for (int size = 1; size < max_batch_size; size *= 2) powers.push_back(size);
  powers.push_back(max_batch_size);
  return powers;
}

/// Images at the queue's front, and further back, that have the front's size.
ODT_INLINE std::size_t batcher::state::alike() const {
  const size2 size = queue.front().size();
  return static_cast<std::size_t>(std::ranges::count_if(queue, [&](const auto& p) { return p.size() == size; }));
}

/// Takes out what nobody waits for any more; whether there was such.
ODT_INLINE bool batcher::state::drop_stale() {
  std::vector<std::pair<std::shared_ptr<detail::batching::job>, status>> stale;
  const auto now = clock::now();
  std::erase_if(queue, [&](const detail::batching::place& p) {
    if (p.of->over) return true;
    const bool late = p.of->deadline < now, gone = p.of->cancelled && p.of->cancelled();
    if (!late && !gone) return false;
    stale.emplace_back(p.of, gone ? status{code::cancelled, "the client went away"}
                                  : status{code::deadline_exceeded, "the request waited longer than its deadline"});
    return true;
  });
  if (stale.empty()) return false;
  mutex.unlock();
  for (auto& [job, why] : stale) job->finish(why);
  mutex.lock();
  return true;
}

/// Waits for images; takes the first and those of its size, as many as an allowed batch has. Empty: it is the end.
ODT_INLINE std::vector<detail::batching::place> batcher::state::next(std::unique_lock<std::mutex>& lock) {
  for (;;) {
    wake.wait(lock, [&] { return stop || !queue.empty(); });
    if (stop) return {};
    if (drop_stale() || queue.empty()) continue;
    const auto ripe = queue.front().of->entered + std::chrono::microseconds(how.timeout_micros);
    if (how.timeout_micros > 0 && std::cmp_less(alike(), how.max_batch_size) && clock::now() < ripe) {
      wake.wait_until(lock, ripe);
      continue;
    }
    break;
  }
  const size2 size = queue.front().size();
  const auto wanted =
      std::upper_bound(sizes.begin(), sizes.end(), static_cast<int>(std::min<std::size_t>(alike(), 1024)));
  const auto count = static_cast<std::size_t>(wanted == sizes.begin() ? sizes.front() : wanted[-1]);
  std::vector<detail::batching::place> taken;
  std::erase_if(queue, [&](detail::batching::place& p) {
    if (taken.size() >= count || p.size() != size) return false;
    taken.push_back(p);
    return true;
  });
  if (watch.queue) watch.queue(queue.size());
  return taken;
}

ODT_INLINE int batcher::state::padded(std::size_t images) const {
  return *std::ranges::find_if(sizes, [&](int size) { return std::cmp_greater_equal(size, images); });
}

ODT_INLINE std::vector<detections> batcher::state::detect(const batch& b) {
  const std::lock_guard lock(turn);
  return model.detect(b);
}

ODT_INLINE void batcher::state::compute(const std::vector<detail::batching::place>& places) {
  status how_it_went;
  std::vector<detections> found;
  try {
    std::vector<const prepared_image*> images;
    for (const auto& p : places) images.push_back(&p.of->images[p.number]);
    const batch b = detail::batching::batch_of(images, padded(images.size()));
    const auto start = clock::now();
    found = detect(b);
    if (watch.batch)
      watch.batch(static_cast<int>(images.size()), std::chrono::duration<double>(clock::now() - start).count());
  } catch (const std::exception& wrong) {
    how_it_went = {code::internal, wrong.what()};
    warn("a batch failed: ", wrong.what());
  }
  for (std::size_t i = 0; i < places.size(); ++i) {
    const auto& [job, number] = places[i];
    if (!how_it_went.ok()) {
      job->finish(how_it_went);
      continue;
    }
    job->found[number] = std::move(found[i]);
    if (--job->missing == 0) job->finish({});
  }
}

ODT_INLINE void batcher::state::work() {
  std::unique_lock lock(mutex);
  for (;;) {
    std::vector<detail::batching::place> places = next(lock);
    if (places.empty()) break;
    lock.unlock();
    compute(places);
    places.clear();
    lock.lock();
  }
  const auto rest = std::exchange(queue, {});
  lock.unlock();
  for (const auto& p : rest) p.of->finish({code::unavailable, "the model is being unloaded"});
}

ODT_INLINE batcher::batcher(detector& model, batch_options how, std::mutex& turn, batch_observer watch)
    : state_(std::make_unique<state>(model, std::move(how), turn, std::move(watch))) {
  state_->thread = std::thread([s = state_.get()] { s->work(); });
}

ODT_INLINE batcher::~batcher() {
  {
    const std::lock_guard lock(state_->mutex);
    state_->stop = true;
  }
  state_->wake.notify_all();
  state_->thread.join();
}

ODT_INLINE void batcher::submit(std::vector<prepared_image> images, clock::time_point deadline, found_images done,
                                std::function<bool()> cancelled) {
  const std::size_t count = images.size();
  auto job = std::make_shared<detail::batching::job>();
  job->images = std::move(images);
  job->deadline = deadline, job->entered = clock::now();
  job->done = std::move(done), job->cancelled = std::move(cancelled);
  job->found.resize(count), job->missing = count;
  {
    const std::lock_guard lock(state_->mutex);
    const std::size_t room = state_->how.capacity();
    if (state_->queue.size() + count > room)
      refuse(code::resource_exhausted,
             "The batch scheduling queue to which this task was submitted is full: ", state_->queue.size(),
             " images wait");
    for (std::size_t i = 0; i < count; ++i) state_->queue.push_back({job, i});
    if (state_->watch.queue) state_->watch.queue(state_->queue.size());
  }
  state_->wake.notify_one();
}

ODT_INLINE void batcher::warm_up() {
  const prepared_image blank = blank_image(state_->model.resizer());
  for (const int size : state_->sizes) {
    const prepared_image* const one[] = {&blank};
    state_->detect(detail::batching::batch_of(one, size));
  }
}

ODT_INLINE std::size_t batcher::waiting() const {
  const std::lock_guard lock(state_->mutex);
  return state_->queue.size();
}

ODT_INLINE const batch_options& batcher::options() const { return state_->how; }

}  // namespace odt::serve
