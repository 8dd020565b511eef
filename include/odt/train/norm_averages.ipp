// SPDX-License-Identifier: MIT
#pragma once

#include <odt/core/human.hpp>
#include <odt/core/target.hpp>
#include <odt/train/norm_averages.hpp>

#include <algorithm>
#include <cmath>
#include <set>

namespace odt {

namespace detail::norm_averages {

inline constexpr double tolerated = 0.05;  ///< share of the initial values at the end

ODT_INLINE std::set<std::string> restored_by(const restore_report* start) {
  std::set<std::string> names;
  if (!start) return names;
  for (const restore_line& line : start->lines)
    if (line.what == restore_line::outcome::restored) names.insert(line.variable);
  return names;
}

/// A decay that forgets the initial values well before the end.
ODT_INLINE std::string fitting_decay(std::int64_t steps) {
  return significant(std::clamp(1 - 50.0 / static_cast<double>(steps), 0.9, 0.999), 3);
}

ODT_INLINE std::int64_t fitting_steps(double decay) {
  return static_cast<std::int64_t>(std::ceil(std::log(tolerated) / std::log(decay)));
}

}  // namespace detail::norm_averages

ODT_INLINE std::string norm_averages_mismatch(detector& model, const restore_report* start, std::int64_t steps) {
  namespace d = detail::norm_averages;
  if (steps == 0) return {};
  const std::set<std::string> restored = d::restored_by(start);
  double slowest = 0;
  std::int64_t slow = 0, norms = 0;
  for (const state_tensor& t : model.state()) {
    if (!t.model_variable || !t.name.ends_with("/moving_mean")) continue;
    const auto norm = model.norm_of(t.name);
    if (!norm || !norm->trains) continue;
    ++norms;
    const double decay = norm->decay;
    if (restored.contains(t.name) || std::pow(decay, static_cast<double>(steps)) <= d::tolerated) continue;
    ++slow;
    slowest = std::max(slowest, decay);
  }
  if (slow == 0) return {};
  const double left = std::pow(slowest, static_cast<double>(steps));
  return str(
      "after ", counted(steps, "step"), " with a decay of ", significant(slowest), ", the moving averages of ", slow,
      " of ", counted(norms, "batch norm"), " will still hold ", fixed(100 * left, 0),
      " % of their initial values, and evaluation and detection, which use them, may find nothing. Write decay: ",
      d::fitting_decay(steps), " in batch_norm of the config's conv_hyperparams (in the feature extractor with ",
      "override_base_feature_extractor_hyperparams: true)",
      slowest < 1 ? str(", or train for ", grouped(d::fitting_steps(slowest)), " steps or more") : "");
}

}  // namespace odt
