// SPDX-License-Identifier: MIT
// For models.ipp: what is known of each version, what lies there, and how it is loaded.
#pragma once

#include <odt/core/human.hpp>
#include <odt/core/log.hpp>
#include <odt/core/target.hpp>
#include <odt/serve/models.hpp>
#include <odt/serve/warm_up.hpp>

#include <algorithm>
#include <condition_variable>
#include <functional>
#include <map>
#include <set>
#include <thread>

#if defined(__GLIBC__)
#include <malloc.h>
#endif

namespace odt::serve {

namespace detail::managing {

/// What is known of a version besides what lies there.
struct version_entry {
  version_state state = version_state::start;
  status how{};
  std::shared_ptr<servable> loaded{};
  std::uint64_t seen = 0;   ///< fingerprint of the last look
  std::uint64_t tried = 0;  ///< fingerprint of the last attempt
  int attempts = 0;
  clock::time_point next_try{};
};

using version_entries = std::map<std::int64_t, version_entry>;

struct model_entry {
  model_config config;
  version_entries versions;
  std::string trouble;  ///< that was told of its path
};

/// Versions that lie there and are not wanted concern nobody.
ODT_INLINE bool concerns(const version_entry& entry) {
  return entry.state != version_state::start || !entry.how.message.empty();
}

/// Memory of a version that is gone, back to the system.
ODT_INLINE void release_memory() {
#if defined(__GLIBC__)
  ::malloc_trim(0);
#endif
}

}  // namespace detail::managing

struct models::state {
  using version_entry = detail::managing::version_entry;
  using model_entry = detail::managing::model_entry;

  state(std::span<const detector_type> t, models_options h, metrics& m)
      : types(t.begin(), t.end()), how(std::move(h)), count(m) {}

  void run();
  void poll();
  void poll_model(const std::string& name);
  std::vector<found_version> look(const std::string& name);
  bool settled(version_entry& entry, const found_version& found) const;
  bool may_try(const version_entry& entry, const found_version& found) const;
  std::vector<found_version> usable(const std::string& name, const std::vector<found_version>& there);
  bool load(const std::string& name, const found_version& found);
  void retire(const std::string& name, const std::function<bool(std::int64_t)>& goes);
  void retire_models();
  void free_retired();
  void forget_old(const std::string& name, const std::vector<found_version>& there);
  void publish(const std::string& name);
  void set(std::vector<model_config> configs);
  status trouble() const;

  const std::vector<detector_type> types;
  const models_options how;
  metrics& count;
  std::mutex turn;

  mutable std::mutex mutex;  ///< of all below; never held while a version is loaded or freed
  std::condition_variable wake, polled;
  std::map<std::string, model_entry> entries;
  std::vector<std::shared_ptr<servable>> retired;
  std::uint64_t polls = 0;
  bool stopping = false, poll_now = false;
  bool pending = false;    ///< a version was just being written at the last look
  bool unsettled = false;  ///< the same of the look that is going on; the looking thread's own
  std::thread thread;
};

/// What lies at the model's path; empty where that cannot be told, which is said once.
ODT_INLINE std::vector<found_version> models::state::look(const std::string& name) {
  std::string base_path, trouble;
  {
    const std::lock_guard lock(mutex);
    base_path = entries.at(name).config.base_path;
  }
  std::vector<found_version> there;
  try {
    there = scan_versions(base_path);
    if (there.empty()) trouble = str(base_path, ": there is no version (a directory with a number as its name)");
  } catch (const std::exception& wrong) {
    trouble = wrong.what();
  }
  const std::lock_guard lock(mutex);
  std::string& told = entries.at(name).trouble;
  if (!trouble.empty() && told != trouble) warn("model \"", name, "\": ", trouble);
  told = trouble;
  return there;
}

/// Whether nobody is still writing it: what changed within the last moments has to look the same twice.
ODT_INLINE bool models::state::settled(version_entry& entry, const found_version& found) const {
  const bool same = std::exchange(entry.seen, found.fingerprint) == found.fingerprint;
  const auto age = std::chrono::system_clock::now() - found.changed;
  return same || age > std::chrono::duration<double>(2 * std::max(how.poll_seconds, 0.1));
}

ODT_INLINE bool models::state::may_try(const version_entry& entry, const found_version& found) const {
  if (entry.attempts == 0 || entry.tried != found.fingerprint) return true;
  return entry.attempts <= how.load_retries && clock::now() >= entry.next_try;
}

/// Those that are loaded, or whole and not known to fail.
ODT_INLINE std::vector<found_version> models::state::usable(const std::string& name,
                                                            const std::vector<found_version>& there) {
  const std::lock_guard lock(mutex);
  std::vector<found_version> out;
  for (const found_version& found : there) {
    version_entry& entry = entries.at(name).versions[found.version];
    if (entry.state == version_state::available) {
      out.push_back(found);
      continue;
    }
    if (entry.state == version_state::unloading) continue;
    if (!found.missing.empty()) {
      entry.state = version_state::start;
      entry.how = {code::ok, str("waits for ", found.missing)};
      entry.seen = found.fingerprint;
    } else if (!settled(entry, found)) {
      unsettled = true;
    } else if (may_try(entry, found)) {
      out.push_back(found);
    }
  }
  return out;
}

ODT_INLINE bool models::state::load(const std::string& name, const found_version& found) {
  const auto enter = [&](version_state to, const status& with) {
    const std::lock_guard lock(mutex);
    version_entry& entry = entries.at(name).versions[found.version];
    entry.state = to, entry.how = with;
  };
  enter(version_state::loading, {});
  const auto begin = clock::now();
  status problem;
  std::shared_ptr<servable> loaded;
  try {
    batch_observer watch{.batch = [this, name](int images, double seconds) { count.batch(name, images, seconds); },
                         .queue = [this, name](std::size_t images) { count.queue(name, images); }};
    loaded =
        std::make_shared<servable>(types, name, found.version, found.checkpoint, how.servables, turn, std::move(watch));
    replay_requests(*loaded, found.checkpoint);
  } catch (const failure& wrong) {
    problem = wrong.as_status();
  } catch (const std::exception& wrong) {
    problem = {code::unknown, wrong.what()};
  }
  const double seconds = std::chrono::duration<double>(clock::now() - begin).count();
  count.load(name, found.version, problem.ok(), seconds);
  if (problem.ok())
    info("model \"", name, "\": version ", found.version, " answers (loaded and warmed up in ", significant(seconds, 2),
         " s)");
  else
    warn("model \"", name, "\": version ", found.version, " cannot be served: ", problem.message);
  enter(problem.ok() ? version_state::available : version_state::end, problem);
  const std::lock_guard lock(mutex);
  version_entry& entry = entries.at(name).versions[found.version];
  entry.loaded = problem.ok() ? std::move(loaded) : nullptr;
  entry.attempts = problem.ok() ? 0 : entry.tried == found.fingerprint ? entry.attempts + 1 : 1;
  entry.tried = found.fingerprint;
  entry.next_try =
      clock::now() + std::chrono::duration_cast<clock::duration>(std::chrono::duration<double>(how.retry_seconds));
  return problem.ok();
}

}  // namespace odt::serve
