// SPDX-License-Identifier: MIT
// Which models are served, in which versions: tensorflow_model_server's config files.
#pragma once

#include <odt/serve/batcher.hpp>

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace odt::serve {

/// Which of the versions that are there are served.
struct version_policy {
  enum class kind : std::uint8_t { latest, all, specific };

  kind what = kind::latest;
  std::size_t count = 1;                 ///< latest
  std::vector<std::int64_t> versions{};  ///< specific

  /// Those of `there` (rising) that are wanted, rising.
  std::vector<std::int64_t> choose(const std::vector<std::int64_t>& there) const;
  friend bool operator==(const version_policy&, const version_policy&) = default;
};

struct model_config {
  std::string name{}, base_path{};
  version_policy policy{};
  std::map<std::string, std::int64_t> labels{};

  friend bool operator==(const model_config&, const model_config&) = default;
};

/// The text of a ModelServerConfig. An error names line and field; a failure what cannot be served: no name, no path,
/// a name that is given twice.
std::vector<model_config> parse_model_configs(std::string_view text, const std::string& place);

/// The same of a ReloadConfigRequest's bytes.
std::vector<model_config> model_configs_of(std::string_view reload_request);

/// Refuses what parse_model_configs refuses.
void check(const std::vector<model_config>& configs);

/// The text of a BatchingParameters over the values in `otherwise`.
batch_options parse_batching(std::string_view text, const std::string& place, const batch_options& otherwise);

}  // namespace odt::serve

#if defined(ODT_HEADER_ONLY)
#include <odt/serve/config.ipp>
#endif
