// SPDX-License-Identifier: MIT
// For models.ipp: the thread that looks, swaps and frees.
#pragma once

#include <odt/core/log.hpp>
#include <odt/core/target.hpp>
#include <odt/serve/models_state.ipp>

#include <algorithm>
#include <functional>
#include <set>

namespace odt::serve {

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
  unsettled = false;
  std::vector<std::string> names;
  {
    const std::lock_guard lock(mutex);
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
  const std::lock_guard lock(mutex);
  pending = unsettled;
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

}  // namespace odt::serve
