// SPDX-License-Identifier: MIT
#pragma once

#include <odt/config/text_format.hpp>
#include <odt/core/log.hpp>
#include <odt/core/target.hpp>
#include <odt/serve/config.hpp>
#include <odt/serve/status.hpp>

#include <odt/serving.pb.h>

#include <algorithm>
#include <limits>
#include <set>

namespace odt::serve {

namespace detail::config {

ODT_INLINE version_policy policy_of(const proto::serving::VersionPolicy& from) {
  version_policy policy;
  if (from.has_latest() && from.latest().num_versions() > 0) policy.count = from.latest().num_versions();
  if (from.has_all()) policy.what = version_policy::kind::all;
  if (from.has_specific()) {
    policy.what = version_policy::kind::specific;
    policy.versions.assign(from.specific().versions().begin(), from.specific().versions().end());
    std::ranges::sort(policy.versions);
  }
  return policy;
}

ODT_INLINE std::vector<model_config> configs_of(const proto::serving::ModelServerConfig& from) {
  std::vector<model_config> all;
  for (const auto& one : from.model_config_list().config()) {
    model_config config{
        .name = one.name(), .base_path = one.base_path(), .policy = policy_of(one.model_version_policy())};
    for (const auto& [label, version] : one.version_labels()) config.labels[label] = version;
    if (!one.model_platform().empty() && one.model_platform() != "tensorflow")
      warn("model \"", one.name(), "\": model_platform \"", one.model_platform(), "\" is taken as odt's own");
    all.push_back(std::move(config));
  }
  check(all);
  return all;
}

/// A value that fits, or a failure that names it.
ODT_INLINE int as_int(std::int64_t value, std::string_view name) {
  if (value < 0 || value > std::numeric_limits<int>::max())
    refuse(code::invalid_argument, name, ": ", value, " is out of range");
  return static_cast<int>(value);
}

}  // namespace detail::config

ODT_INLINE std::vector<std::int64_t> version_policy::choose(const std::vector<std::int64_t>& there) const {
  if (what == kind::all) return there;
  if (what == kind::latest)
    return {there.end() - static_cast<std::ptrdiff_t>(std::min(count, there.size())), there.end()};
  std::vector<std::int64_t> wanted;
  std::ranges::set_intersection(there, versions, std::back_inserter(wanted));
  return wanted;
}

ODT_INLINE void check(const std::vector<model_config>& configs) {
  constexpr auto bad = code::invalid_argument;
  std::set<std::string> names;
  for (const model_config& one : configs) {
    if (one.name.empty()) refuse(bad, "Illegal setting: a model in model_config_list has no name");
    if (one.name.find(':') != one.name.npos)
      refuse(bad, "the model name \"", one.name, "\" has a \":\", which ends names in URLs");
    if (one.base_path.empty()) refuse(bad, "model \"", one.name, "\": base_path is missing");
    if (!names.insert(one.name).second)
      refuse(bad, "Illegal to list model ", one.name, " multiple times in config list");
    if (one.policy.what == version_policy::kind::specific && one.policy.versions.empty())
      refuse(bad, "model \"", one.name, "\": the policy \"specific\" names no versions");
  }
}

ODT_INLINE std::vector<model_config> parse_model_configs(std::string_view text, const std::string& place) {
  proto::serving::ModelServerConfig config;
  field_places places;
  merge_text(config, text, place, places);
  auto all = detail::config::configs_of(config);
  if (all.empty()) fail(place, ": model_config_list has no config; there is nothing to serve");
  return all;
}

ODT_INLINE std::vector<model_config> model_configs_of(std::string_view reload_request) {
  proto::serving::ReloadConfigRequest request;
  if (reload_request.size() > std::numeric_limits<int>::max() ||
      !request.ParseFromArray(reload_request.data(), static_cast<int>(reload_request.size())))
    refuse(code::invalid_argument, "these bytes are no ReloadConfigRequest");
  if (!request.config().has_model_config_list())
    refuse(code::invalid_argument,
           "ServerConfig type not supported by HandleReloadConfigRequest. Only ModelConfigList is");
  return detail::config::configs_of(request.config());
}

ODT_INLINE batch_options parse_batching(std::string_view text, const std::string& place,
                                        const batch_options& otherwise) {
  namespace d = detail::config;
  proto::serving::BatchingParameters from;
  field_places places;
  merge_text(from, text, place, places);
  batch_options how = otherwise;
  if (from.has_max_batch_size()) how.max_batch_size = d::as_int(from.max_batch_size().value(), "max_batch_size");
  if (from.has_batch_timeout_micros()) how.timeout_micros = from.batch_timeout_micros().value();
  if (from.has_max_enqueued_batches())
    how.max_enqueued_batches = d::as_int(from.max_enqueued_batches().value(), "max_enqueued_batches");
  how.allowed_batch_sizes.clear();
  for (const std::int64_t size : from.allowed_batch_sizes())
    how.allowed_batch_sizes.push_back(d::as_int(size, "allowed_batch_sizes"));
  if (from.has_num_batch_threads() && from.num_batch_threads().value() > 1)
    info(place, ": num_batch_threads ", from.num_batch_threads().value(),
         ": a version's batches follow one another, each on all threads of the device (--threads)");
  try {
    how.check();
  } catch (const failure& wrong) {
    fail(place, ": ", wrong.what());
  }
  return how;
}

}  // namespace odt::serve
