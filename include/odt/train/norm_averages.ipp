// SPDX-License-Identifier: MIT
#pragma once

#include <odt/core/human.hpp>
#include <odt/core/target.hpp>
#include <odt/train/norm_averages.hpp>

#include <algorithm>
#include <cmath>
#include <set>
#include <vector>

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

ODT_INLINE double left_over(double decay, std::int64_t steps) { return std::pow(decay, static_cast<double>(steps)); }

/// What helps: a decay that forgets the initial values well before the end, where a usual one does, and more steps.
ODT_INLINE std::string advice(double decay, std::int64_t steps) {
  std::vector<std::string> ways;
  if (const double shorter = std::clamp(1 - 50.0 / static_cast<double>(steps), 0.9, 0.999);
      left_over(shorter, steps) <= tolerated)
    ways.push_back(str("write decay: ", significant(shorter, 3), " in batch_norm of the config's conv_hyperparams (in ",
                       "the feature extractor with override_base_feature_extractor_hyperparams: true)"));
  if (decay < 1)
    ways.push_back(str("train for ",
                       grouped(static_cast<std::int64_t>(std::ceil(std::log(tolerated) / std::log(decay)))),
                       " steps or more"));
  return str(ways.empty() ? "" : "; ", join(ways, ", or "));
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
    if (restored.contains(t.name) || d::left_over(decay, steps) <= d::tolerated) continue;
    ++slow;
    slowest = std::max(slowest, decay);
  }
  if (slow == 0) return {};
  return str("after ", counted(steps, "step"), " with a decay of ", significant(slowest), ", the moving averages of ",
             slow, " of ", counted(norms, "batch norm"), " will still hold ",
             fixed(100 * d::left_over(slowest, steps), 0),
             " % of their initial values, and evaluation and detection, which use them, may find nothing",
             d::advice(slowest, steps));
}

}  // namespace odt
