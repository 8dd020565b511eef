// SPDX-License-Identifier: MIT
#pragma once

#include <odt/core/target.hpp>
#include <odt/serve/models.hpp>
#include <odt/serve/models_poll.ipp>

#include <algorithm>
#include <chrono>
#include <thread>

namespace odt::serve {

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
