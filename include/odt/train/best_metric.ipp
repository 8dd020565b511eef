// SPDX-License-Identifier: MIT
#pragma once

#include <odt/core/human.hpp>
#include <odt/core/target.hpp>
#include <odt/metrics.hpp>
#include <odt/train/best_metric.hpp>

#include <algorithm>
#include <utility>
#include <vector>

namespace odt {

namespace detail::best_metrics {

using named_value = std::pair<std::string, double>;

ODT_INLINE std::vector<named_value> numbers_of(const evaluation& result) {
  std::vector<named_value> all = result.metrics;
  all.insert(all.end(), result.losses.begin(), result.losses.end());
  return all;
}

ODT_INLINE bool is_loss(const std::string& tag) { return tag.starts_with("Loss/"); }

ODT_INLINE const named_value& find(const std::vector<named_value>& all, const std::string& metric) {
  const auto exact = std::ranges::find(all, metric, &named_value::first);
  if (exact != all.end()) return *exact;
  std::vector<const named_value*> found;
  for (const named_value& one : all)
    if (one.first.ends_with("/" + metric)) found.push_back(&one);
  if (found.size() == 1) return *found.front();
  std::vector<std::string> tags;
  for (const named_value& one : all) tags.push_back(one.first);
  fail("--metric ", metric, found.empty() ? ": is no number of the evaluation" : ": is the end of several numbers",
       "; there are ", join(tags, ", "));
}

}  // namespace detail::best_metrics

ODT_INLINE std::optional<measurement> measure(const evaluation& result, const std::string& metric) {
  namespace d = detail::best_metrics;
  if (metric.empty() && !result.headline()) return std::nullopt;
  const auto all = d::numbers_of(result);
  const auto& [tag, value] = metric.empty() ? *result.headline() : d::find(all, metric);
  return measurement{tag, value, result.data, d::is_loss(tag)};
}

ODT_INLINE void check_metric(const std::string& metric, const eval_options& options, const label_map& labels) {
  if (metric.empty()) return;
  if (options.ignore_groundtruth)
    fail("--metric ", metric, ": eval_config.ignore_groundtruth leaves nothing to measure; set it to false");
  if (metric.ends_with("loss")) return;  // which ones there are, the detector says
  evaluation empty;
  for (const auto& one :
       make_metrics(options.metrics_set, {labels.class_names(), options.include_metrics_per_category}))
    for (auto& value : one->evaluate()) empty.metrics.push_back(std::move(value));
  empty.losses = {{"Loss/total_loss", 0}};
  measure(empty, metric);
}

ODT_INLINE std::string no_better(const std::string& metric, int evaluations) {
  return str("no better ", metric.empty() ? "result" : metric, " in ", counted(evaluations, "evaluation"),
             " (--patience)");
}

}  // namespace odt
