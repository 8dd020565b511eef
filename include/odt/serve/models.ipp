// SPDX-License-Identifier: MIT
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
  bool pending = false;  ///< a version was just being written at the last look
  std::thread thread;
};

ODT_INLINE std::string_view name_of(version_state state) {
  switch (state) {
    case version_state::start:
      return "START";
    case version_state::loading:
      return "LOADING";
    case version_state::available:
      return "AVAILABLE";
    case version_state::unloading:
      return "UNLOADING";
    case version_state::end:
      break;
  }
  return "END";
}

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
      pending = true;
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

/// Takes versions out of service; they are freed with their last request.
ODT_INLINE void models::state::retire(const std::string& name, const std::function<bool(std::int64_t)>& goes) {
  const std::lock_guard lock(mutex);
  for (auto& [version, entry] : entries.at(name).versions)
    if (entry.state == version_state::available && goes(version)) {
      entry.state = version_state::unloading;
      retired.push_back(std::move(entry.loaded));
    }
}

ODT_INLINE void models::state::free_retired() {
  std::vector<std::shared_ptr<servable>> over;
  {
    const std::lock_guard lock(mutex);
    std::erase_if(retired, [&](std::shared_ptr<servable>& one) {
      if (one.use_count() > 1) return false;
      over.push_back(std::move(one));
      return true;
    });
  }
  for (std::shared_ptr<servable>& one : over) {
    const std::string name = one->model();
    const std::int64_t version = one->version();
    one.reset();
    info("model \"", name, "\": version ", version, " is unloaded");
    const std::lock_guard lock(mutex);
    const auto model = entries.find(name);
    if (model == entries.end()) continue;
    version_entry& entry = model->second.versions[version];
    if (entry.state == version_state::unloading) entry.state = version_state::end;
  }
  if (!over.empty()) detail::managing::release_memory();
}

/// Versions that are gone from the path and from memory, but for the newest few.
ODT_INLINE void models::state::forget_old(const std::string& name, const std::vector<found_version>& there) {
  const std::lock_guard lock(mutex);
  auto& versions = entries.at(name).versions;
  std::vector<std::int64_t> over;  // rising
  for (const auto& [version, entry] : versions)
    if ((entry.state == version_state::end || entry.state == version_state::start) &&
        std::ranges::find(there, version, &found_version::version) == there.end())
      over.push_back(version);
  constexpr std::size_t kept = 8;
  for (std::size_t i = 0; i + kept < over.size(); ++i) versions.erase(over[i]);
}

ODT_INLINE void models::state::publish(const std::string& name) {
  std::vector<std::int64_t> available;
  {
    const std::lock_guard lock(mutex);
    for (const auto& [version, entry] : entries.at(name).versions)
      if (entry.state == version_state::available) available.push_back(version);
  }
  count.available(name, std::move(available));
}

ODT_INLINE void models::state::poll_model(const std::string& name) {
  const std::vector<found_version> there = look(name);
  if (there.empty()) return;
  version_policy policy;
  {
    const std::lock_guard lock(mutex);
    policy = entries.at(name).config.policy;
  }
  std::vector<found_version> candidates = usable(name, there);
  std::vector<std::int64_t> wanted;
  for (bool again = true; again;) {
    again = false;
    std::vector<std::int64_t> numbers;
    for (const found_version& one : candidates) numbers.push_back(one.version);
    wanted = policy.choose(numbers);
    for (const found_version& one : candidates) {
      if (std::ranges::find(wanted, one.version) == wanted.end()) continue;
      {
        const std::lock_guard lock(mutex);
        if (stopping) return;
        if (entries.at(name).versions[one.version].state == version_state::available) continue;
      }
      if (load(name, one)) {
        publish(name);
        continue;
      }
      std::erase_if(candidates, [v = one.version](const found_version& c) { return c.version == v; });
      again = true;
      break;
    }
  }
  if (!wanted.empty()) retire(name, [&](std::int64_t v) { return std::ranges::find(wanted, v) == wanted.end(); });
  publish(name);
  forget_old(name, there);
}

ODT_INLINE void models::state::poll() {
  std::vector<std::string> names;
  {
    const std::lock_guard lock(mutex);
    pending = false;
    for (const auto& [name, entry] : entries) names.push_back(name);
  }
  for (const std::string& name : names) {
    try {
      poll_model(name);
    } catch (const std::exception& wrong) {
      warn("model \"", name, "\": ", wrong.what());
    }
  }
  free_retired();
}

ODT_INLINE void models::state::run() {
  const auto pause = std::chrono::duration<double>(how.poll_seconds > 0 ? how.poll_seconds : 3600);
  auto next = clock::now();
  for (;;) {
    {
      std::unique_lock lock(mutex);
      if (stopping) return;
      const auto until = retired.empty() ? next : std::min(next, clock::now() + std::chrono::milliseconds(50));
      wake.wait_until(lock, until, [&] { return stopping || poll_now; });
      if (stopping) return;
      if (!poll_now && clock::now() < next) {
        lock.unlock();
        free_retired();
        continue;
      }
      poll_now = false;
    }
    poll();
    next = clock::now() + std::chrono::duration_cast<clock::duration>(pause);
    const std::lock_guard lock(mutex);
    ++polls;
    polled.notify_all();
  }
}

/// Takes models in and out of service; their versions follow with the next look.
ODT_INLINE void models::state::set(std::vector<model_config> configs) {
  std::set<std::string> names;
  for (const model_config& one : configs) names.insert(one.name);
  std::vector<std::string> leave;
  {
    const std::lock_guard lock(mutex);
    for (const auto& [name, entry] : entries)
      if (!names.contains(name)) leave.push_back(name);
  }
  for (const std::string& name : leave) {
    retire(name, [](std::int64_t) { return true; });
    publish(name);
  }
  const std::lock_guard lock(mutex);
  for (const std::string& name : leave) entries.erase(name);
  for (model_config& one : configs) {
    model_entry& entry = entries[one.name];
    if (entry.config.base_path != one.base_path && !entry.config.base_path.empty()) {
      for (auto& [version, old] : entry.versions)
        if (old.loaded) retired.push_back(std::move(old.loaded));
      entry.versions.clear();
    }
    entry.config = std::move(one);
  }
}

/// Of the first model that has no version that answers, or a label for one that does not.
ODT_INLINE status models::state::trouble() const {
  const std::lock_guard lock(mutex);
  for (const auto& [name, entry] : entries) {
    const auto answers = [](const auto& v) { return v.second.state == version_state::available; };
    if (std::ranges::none_of(entry.versions, answers)) {
      std::string why = entry.trouble;
      for (const auto& [version, one] : entry.versions)
        if (!one.how.message.empty()) why = str("version ", version, ": ", one.how.message);
      return {code::unknown, str("model \"", name, "\" has no version that answers: ", why)};
    }
    for (const auto& [label, version] : entry.config.labels) {
      const auto found = entry.versions.find(version);
      if (found == entry.versions.end() || !answers(*found))
        return {code::failed_precondition, str("Request to assign label to version ", version, " of model ", name,
                                               ", which is not currently available for inference")};
    }
  }
  return {};
}

ODT_INLINE models::models(std::span<const detector_type> types, std::vector<model_config> configs, models_options how,
                          metrics& count)
    : state_(std::make_unique<state>(types, std::move(how), count)) {
  check(configs);
  state_->set(std::move(configs));
  state_->poll();
  for (int more = 0; more < 3 && state_->pending; ++more) {
    std::this_thread::sleep_for(std::chrono::duration<double>(std::max(state_->how.poll_seconds, 0.1)));
    state_->poll();
  }
  state_->thread = std::thread([s = state_.get()] { s->run(); });
}

ODT_INLINE models::~models() { stop(); }

ODT_INLINE void models::stop() {
  if (!state_->thread.joinable()) return;
  {
    const std::lock_guard lock(state_->mutex);
    state_->stopping = true;
  }
  state_->wake.notify_all();
  state_->polled.notify_all();
  state_->thread.join();
  std::vector<std::string> names;
  for (const auto& [name, entry] : state_->entries) names.push_back(name);
  for (const std::string& name : names) state_->retire(name, [](std::int64_t) { return true; });
  while (!state_->retired.empty()) {
    state_->free_retired();
    if (!state_->retired.empty()) std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
}

ODT_INLINE std::shared_ptr<servable> models::find(const model_choice& choice) const {
  const auto missing = [&](const model_choice& what) {
    refuse(code::not_found, "Servable not found for request: ", what.text());
  };
  const std::lock_guard lock(state_->mutex);
  const auto model = state_->entries.find(choice.name);
  if (model == state_->entries.end()) missing({.name = choice.name, .version = choice.version});
  model_choice exact = choice;
  if (!choice.label.empty()) {
    const auto label = model->second.config.labels.find(choice.label);
    if (label == model->second.config.labels.end())
      refuse(code::invalid_argument, "Unrecognized servable version label: ", choice.label);
    exact.version = label->second;
  }
  const auto& versions = model->second.versions;
  for (auto at = versions.rbegin(); at != versions.rend(); ++at)
    if (at->second.state == version_state::available && at->second.loaded &&
        (!exact.version || *exact.version == at->first))
      return at->second.loaded;
  missing(exact);
  return {};
}

ODT_INLINE std::vector<version_status> models::versions(const model_choice& choice) const {
  const std::lock_guard lock(state_->mutex);
  const auto model = state_->entries.find(choice.name);
  std::vector<version_status> all;
  std::optional<std::int64_t> wanted = choice.version;
  if (model != state_->entries.end() && !choice.label.empty()) {
    const auto label = model->second.config.labels.find(choice.label);
    if (label == model->second.config.labels.end())
      refuse(code::invalid_argument, "Unrecognized servable version label: ", choice.label);
    wanted = label->second;
  }
  if (model != state_->entries.end())
    for (auto at = model->second.versions.rbegin(); at != model->second.versions.rend(); ++at)
      if ((!wanted || *wanted == at->first) && detail::managing::concerns(at->second))
        all.push_back({at->first, at->second.state, at->second.how});
  if (all.empty() && wanted) refuse(code::not_found, "Could not find version ", *wanted, " of model ", choice.name);
  if (all.empty()) refuse(code::not_found, "Could not find any versions of model ", choice.name);
  return all;
}

ODT_INLINE std::vector<model_view> models::view() const {
  const std::lock_guard lock(state_->mutex);
  std::vector<model_view> all;
  for (const auto& [name, entry] : state_->entries) {
    model_view view{.name = name, .base_path = entry.config.base_path};
    for (auto at = entry.versions.rbegin(); at != entry.versions.rend(); ++at) {
      if (!detail::managing::concerns(at->second)) continue;
      view.versions.push_back({at->first, at->second.state, at->second.how});
      if (at->second.loaded && view.class_names.empty()) view.class_names = at->second.loaded->class_names();
    }
    all.push_back(std::move(view));
  }
  return all;
}

ODT_INLINE status models::reload(std::vector<model_config> configs) {
  check(configs);
  state_->set(std::move(configs));
  std::unique_lock lock(state_->mutex);
  const std::uint64_t before = state_->polls;
  // The look that is going on may have begun before; the one after it has not.
  for (std::uint64_t k = 1; k <= 2 || (k <= 5 && state_->pending); ++k) {
    state_->poll_now = true;
    state_->wake.notify_all();
    state_->polled.wait(lock, [&] { return state_->stopping || state_->polls >= before + k; });
  }
  lock.unlock();
  return state_->trouble();
}

}  // namespace odt::serve
