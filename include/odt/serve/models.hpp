// SPDX-License-Identifier: MIT
// All models of a server: which versions are there, which are loaded, and which one answers.
#pragma once

#include <odt/serve/config.hpp>
#include <odt/serve/metrics.hpp>
#include <odt/serve/servable.hpp>
#include <odt/serve/version_scan.hpp>

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace odt::serve {

/// With TensorFlow Serving's numbers.
enum class version_state : std::uint8_t { start = 10, loading = 20, available = 30, unloading = 40, end = 50 };

/// "START", ...
std::string_view name_of(version_state state);

struct version_status {
  std::int64_t version = 0;
  version_state state = version_state::start;
  status how{};
};

struct model_view {
  std::string name{}, base_path{};
  std::vector<version_status> versions{};  ///< newest first
  std::vector<std::string> class_names{};  ///< of the newest that answers
};

struct models_options {
  servable_options servables{};
  double poll_seconds = 1;    ///< 0: the paths are looked at once
  int load_retries = 5;       ///< of a version that fails, besides whenever its files change
  double retry_seconds = 60;  ///< between them
};

/// A thread looks at the models' paths every second. A version that is whole, and whose files did not change from one
/// look to the next, is loaded and warmed up beside the one that answers, and then takes its place; requests that the
/// old one has are answered by it, and with the last of them it is freed. A version that fails is reported and tried
/// again; until then the newest that does not fail answers. Where a path has no versions any more, or cannot be read,
/// what is loaded stays.
class models {
 public:
  /// Returns when all versions that are there are loaded or have failed.
  models(std::span<const detector_type> types, std::vector<model_config> configs, models_options how, metrics& count);
  ~models();
  models(const models&) = delete;
  models& operator=(const models&) = delete;

  /// The version that answers. A failure (not_found) in TensorFlow Serving's words where there is none.
  std::shared_ptr<servable> find(const model_choice& choice) const;

  /// Of one version or all, newest first; a failure (not_found) where there is none.
  std::vector<version_status> versions(const model_choice& choice) const;

  std::vector<model_view> view() const;

  /// Serves these from now on; returns when their versions are loaded, or says which was not.
  status reload(std::vector<model_config> configs);

  /// Requests from now on find nothing; returns when all versions are freed.
  void stop();

 private:
  struct state;
  std::unique_ptr<state> state_;
};

}  // namespace odt::serve

#if defined(ODT_HEADER_ONLY)
#include <odt/serve/models.ipp>
#endif
