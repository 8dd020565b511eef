// SPDX-License-Identifier: MIT
#pragma once

#include <odt/core/target.hpp>
#include <odt/label/review.hpp>

#include <algorithm>
#include <array>
#include <cstddef>

namespace odt::labelling {

namespace detail {

inline constexpr double meets = 0.5, touches = 0.3, fits = 0.7;

/// Which label a found box belongs to: the free one that it lies upon most, of its own class if there is one.
ODT_INLINE std::size_t label_under(const suggestion& s, std::span<const annotated_object> labels,
                                   const std::vector<bool>& taken) {
  std::size_t best = labels.size();
  double most = 0;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    if (taken[i]) continue;
    const double o = iou(s.bounds, labels[i].bounds), value = o + (labels[i].name == s.name ? 1 : 0);
    if (o >= meets && value > most) best = i, most = value;
  }
  return best;
}

}  // namespace detail

ODT_INLINE std::string_view name_of(doubt_kind kind) {
  constexpr std::array<std::string_view, 4> names{"missing", "other_class", "misplaced", "not_found"};
  return names[static_cast<std::size_t>(kind)];
}

ODT_INLINE std::vector<doubt> doubts_about(std::span<const annotated_object> labels,
                                           std::span<const suggestion> found) {
  std::vector<doubt> doubts;
  std::vector<bool> taken(labels.size());
  for (const suggestion& s : found) {
    const auto score = static_cast<double>(s.score);
    if (score < 0.4) break;
    const std::size_t i = detail::label_under(s, labels, taken);
    if (i == labels.size()) {
      const bool repeats = std::ranges::any_of(
          labels, [&](const auto& l) { return l.name == s.name && iou(l.bounds, s.bounds) >= detail::touches; });
      doubts.push_back({doubt_kind::missing, repeats ? score / 2 : score, s.bounds, {}, s.name});
      continue;
    }
    taken[i] = true;
    const double overlap = iou(s.bounds, labels[i].bounds);
    if (labels[i].name != s.name)
      doubts.push_back({doubt_kind::other_class, score, labels[i].bounds, labels[i].name, s.name});
    else if (overlap < detail::fits)
      doubts.push_back({doubt_kind::misplaced, score * (1 - overlap), labels[i].bounds, labels[i].name, s.name});
  }
  for (std::size_t i = 0; i < labels.size(); ++i) {
    if (taken[i] || labels[i].difficult) continue;
    double best = 0;
    for (const suggestion& s : found)
      if (iou(s.bounds, labels[i].bounds) >= detail::touches) best = std::max(best, static_cast<double>(s.score));
    if (best < 0.4) doubts.push_back({doubt_kind::not_found, (1 - best) / 2, labels[i].bounds, labels[i].name, {}});
  }
  std::ranges::stable_sort(doubts, std::ranges::greater{}, &doubt::weight);
  return doubts;
}

}  // namespace odt::labelling
