// SPDX-License-Identifier: MIT
#pragma once

#include <odt/core/error.hpp>
#include <odt/core/fingerprint.hpp>
#include <odt/core/target.hpp>
#include <odt/dataset/loader.hpp>
#include <odt/dataset/record_set.hpp>
#include <odt/dataset/sample_maker.hpp>

#if defined(__linux__)
#include <sys/resource.h>
#endif

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <exception>
#include <limits>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

namespace odt {

namespace detail::loading {

ODT_INLINE loader_options checked(loader_options o) {
  const auto at_least = [](const char* what, int value, int least) {
    if (value < least) fail(what, " is ", value, "; it has to be at least ", least);
  };
  at_least("batch_size", o.batch_size, 1);
  at_least("max_number_of_boxes", o.max_boxes, 1);
  at_least("num_epochs", o.num_epochs, 0);
  at_least("sample_1_of_n_examples", o.sample_1_of_n_examples, 1);
  at_least("the number of data threads", o.threads, 0);
  at_least("the number of prefetched batches", o.prefetch, 1);
  const batch_share& s = o.share;
  if (s.count < 1 || s.first < 0 || s.first + s.count > s.all)
    fail("batches ", s.first, " to ", s.first + s.count, " of each ", s.all, " are no share of them");
  if (o.batch_size > 1 && !o.resizer.constant_size())
    fail("batch_size is ", o.batch_size,
         ", but the image_resizer makes images of different sizes; use batch_size: 1, pad_to_max_dimension: true, or a "
         "fixed_shape_resizer");
  if (o.raw && o.evaluation) fail("an evaluation has no augmentations and takes finished images, not raw ones");
  if (o.threads == 0) o.threads = std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
  return o;
}

/// How many samples' records are asked for before their turn comes.
inline constexpr std::uint64_t read_ahead = 64;

/// Lets the other threads of the program come first. Linux keeps a niceness for each thread; where that is not so, or
/// not allowed, nothing happens.
ODT_INLINE void lower_priority([[maybe_unused]] int niceness) {
#if defined(__linux__)
  if (niceness > 0) ::setpriority(PRIO_PROCESS, 0, ::getpriority(PRIO_PROCESS, 0) + niceness);
#endif
}

/// A batch in the making.
struct slot {
  batch content;
  int done = 0;                                       ///< places that are filled, skipped, or in error
  std::vector<std::uint8_t> skipped;                  ///< by place
  int first_error = std::numeric_limits<int>::max();  ///< its place
  std::exception_ptr error;
};

/// Moves image `from` of the batch to place `to`.
ODT_INLINE void move_image(batch& b, std::size_t from, std::size_t to) {
  const std::size_t pixels = static_cast<std::size_t>(b.height) * static_cast<std::size_t>(b.width) * 3;
  const auto boxes = static_cast<std::size_t>(b.max_boxes);
  const auto move_run = [from, to](auto& values, std::size_t each) {
    if (values.empty()) return;
    const auto begin = values.begin() + static_cast<std::ptrdiff_t>(from * each);
    std::move(begin, begin + static_cast<std::ptrdiff_t>(each),
              values.begin() + static_cast<std::ptrdiff_t>(to * each));
  };
  move_run(b.images, pixels);
  move_run(b.raws, 1);
  move_run(b.counts, 1);
  move_run(b.boxes, boxes);
  move_run(b.classes, boxes);
  move_run(b.weights, boxes);
  move_run(b.masks, boxes);
  move_run(b.true_sizes, 1);
  move_run(b.original_sizes, 1);
  move_run(b.ids, 1);
  move_run(b.groundtruth, 1);
  move_run(b.originals, 1);
}

/// Zeros behind the first `size` images.
ODT_INLINE void clear_behind(batch& b, std::size_t size) {
  const auto clear = [size](auto& values, std::size_t each) {
    for (std::size_t i = std::min(size * each, values.size()); i < values.size(); ++i) values[i] = {};
  };
  const auto boxes = static_cast<std::size_t>(b.max_boxes);
  clear(b.images, static_cast<std::size_t>(b.height) * static_cast<std::size_t>(b.width) * 3);
  clear(b.raws, 1);
  clear(b.counts, 1);
  clear(b.boxes, boxes);
  clear(b.classes, boxes);
  clear(b.weights, boxes);
  clear(b.masks, boxes);
  clear(b.true_sizes, 1);
  clear(b.original_sizes, 1);
  clear(b.ids, 1);
  clear(b.groundtruth, 1);
  clear(b.originals, 1);
}

/// The fingerprint of records and of which of them are taken, and in what order.
ODT_INLINE std::uint64_t as_drawn(std::uint64_t records, const loader_options& o) {
  const auto step = static_cast<std::uint64_t>(o.sample_1_of_n_examples);
  return records ^ (step * 0x9E3779B97F4A7C15u + (o.shuffle ? 1u : 0u));
}

/// Closes the gaps of skipped images; `made` places were asked for.
ODT_INLINE void compact(slot& s, int made) {
  std::size_t kept = 0;
  for (std::size_t i = 0; i < static_cast<std::size_t>(made); ++i) {
    if (s.skipped[i]) continue;
    if (kept != i) move_image(s.content, i, kept);
    ++kept;
  }
  if (kept < s.skipped.size()) clear_behind(s.content, kept);
  s.content.size = static_cast<int>(kept);
}

}  // namespace detail::loading

/// Tickets number the samples that are to be made; ticket t fills place t % batch_size of batch t / batch_size, in slot
/// number (t / batch_size) % slots. A worker takes the next ticket whose slot is free. Batches are numbered within the
/// loader's share.
struct loader::state {
  explicit state(loader_options given)
      : options(detail::loading::checked(std::move(given))),
        opened(options.records ? options.records : std::make_shared<const record_set>(options.input_path)),
        records(*opened),
        examples(epoch_size(options, records)) {
    count_samples();
    slots.resize(static_cast<std::size_t>(options.prefetch) + 1);
    for (detail::loading::slot& s : slots) clear(s);
    for (int i = 0; i < options.threads; ++i) workers.emplace_back([this] { work(); });
  }

  ~state() {
    {
      const std::lock_guard lock(mutex);
      stopping = true;
    }
    room.notify_all();
    for (std::thread& worker : workers) worker.join();
  }

  /// Sets how many samples there are to make.
  void count_samples() {
    tickets = std::numeric_limits<std::uint64_t>::max();
    if (!options.evaluation && options.num_epochs == 0) return;
    const std::uint64_t all = options.evaluation ? examples : examples * static_cast<std::uint64_t>(options.num_epochs);
    const std::uint64_t size = batch_size(), step = size * static_cast<std::uint64_t>(options.share.all);
    if (!options.evaluation && all < step)
      fail(join(options.input_path, ", "), ": ", all, " examples in ", options.num_epochs,
           " epochs do not fill a batch of ", step);
    std::uint64_t left = all > options.first_sample ? all - options.first_sample : 0;
    if (!options.evaluation) left -= left % step;
    tickets = left / step * size * static_cast<std::uint64_t>(options.share.count);
    const std::uint64_t before = size * static_cast<std::uint64_t>(options.share.first), rest = left % step;
    if (rest > before) tickets += std::min(rest - before, size * static_cast<std::uint64_t>(options.share.count));
  }

  std::uint64_t batch_size() const { return static_cast<std::uint64_t>(options.batch_size); }

  /// The first sample of a batch.
  std::uint64_t first_sample_of(std::uint64_t number) const {
    const auto count = static_cast<std::uint64_t>(options.share.count);
    const std::uint64_t in_set = number / count * static_cast<std::uint64_t>(options.share.all) +
                                 static_cast<std::uint64_t>(options.share.first) + number % count;
    return options.first_sample + in_set * batch_size();
  }

  /// Makes a slot ready to be filled.
  void clear(detail::loading::slot& s) {
    const size2 size = options.resizer.constant_size().value_or(size2{});
    shape(s.content, options.batch_size, size, options);
    s.done = 0;
    s.skipped.assign(static_cast<std::size_t>(options.batch_size), 0);
    s.first_error = std::numeric_limits<int>::max();
    s.error = nullptr;
  }

  /// How many places of a batch are to be filled.
  int places(std::uint64_t number) const {
    return static_cast<int>(std::min(batch_size(), tickets - number * batch_size()));
  }

  detail::loading::slot& slot_of(std::uint64_t number) {
    return slots[static_cast<std::size_t>(number % slots.size())];
  }

  std::uint64_t sample_of(std::uint64_t number) const {
    return first_sample_of(number / batch_size()) + number % batch_size();
  }

  void work() {
    detail::loading::lower_priority(options.niceness);
    sample_maker maker(options, records, reports);
    const std::uint64_t size = batch_size();
    std::unique_lock lock(mutex);
    for (;;) {
      room.wait(lock, [&] { return stopping || ticket >= tickets || ticket / size < taken + slots.size(); });
      if (stopping || ticket >= tickets) return;
      const std::uint64_t mine = ticket++;
      const std::uint64_t from = std::exchange(announced, std::min(tickets, mine + 1 + detail::loading::read_ahead));
      detail::loading::slot& s = slot_of(mine / size);
      const int place = static_cast<int>(mine % size);
      lock.unlock();
      bool made = false;
      std::exception_ptr error;
      try {
        for (std::uint64_t soon = from; soon <= mine + detail::loading::read_ahead && soon < tickets; ++soon)
          records.expect(record_of(sample_of(soon), 0, examples, options));
        made = maker.make(sample_of(mine), s.content, place);
      } catch (...) {
        error = std::current_exception();
      }
      lock.lock();
      if (!made) s.skipped[static_cast<std::size_t>(place)] = 1;
      if (error && place < s.first_error) s.first_error = place, s.error = error;
      if (++s.done == places(mine / size)) ready.notify_one();
    }
  }

  bool next(batch& out) {
    std::unique_lock lock(mutex);
    const std::uint64_t size = batch_size();
    for (;;) {
      if (taken * size >= tickets) return false;
      detail::loading::slot& s = slot_of(taken);
      const int wanted = places(taken);
      const auto begin = std::chrono::steady_clock::now();
      ready.wait(lock, [&] { return s.done == wanted; });
      waited += std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
      if (s.error) std::rethrow_exception(s.error);
      detail::loading::compact(s, wanted);
      s.content.first_sample = first_sample_of(taken);
      const bool something = s.content.size > 0;
      if (something) std::swap(out, s.content);
      clear(s);
      ++taken;
      room.notify_all();
      if (something) return true;
    }
  }

  const loader_options options;
  const std::shared_ptr<const record_set> opened;
  const record_set& records;
  const std::uint64_t examples;
  std::uint64_t tickets = 0;
  example_reports reports;

  mutable std::mutex mutex;
  std::condition_variable room, ready;
  std::vector<detail::loading::slot> slots;
  std::uint64_t ticket = 0;     ///< the next one
  std::uint64_t announced = 0;  ///< up to this one its records are expected
  std::uint64_t taken = 0;      ///< batches handed out
  double waited = 0;
  bool stopping = false;
  std::vector<std::thread> workers;
};

ODT_INLINE loader::loader(loader_options options) : state_(std::make_unique<state>(std::move(options))) {}
ODT_INLINE loader::~loader() = default;
ODT_INLINE bool loader::next(batch& out) { return state_->next(out); }
ODT_INLINE std::uint64_t loader::size() const { return state_->examples; }
ODT_INLINE std::vector<std::string> loader::skipped() const { return state_->reports.skipped(); }

ODT_INLINE std::uint64_t loader::fingerprint() const {
  return detail::loading::as_drawn(state_->records.fingerprint(), state_->options);
}

ODT_INLINE std::uint64_t loader::contents() const {
  const loader_options& o = state_->options;
  return detail::loading::as_drawn(odt::fingerprint(state_->records.contents(), o.max_examples), o);
}

ODT_INLINE double loader::waited() const {
  const std::lock_guard lock(state_->mutex);
  return state_->waited;
}

}  // namespace odt
