// SPDX-License-Identifier: MIT
#pragma once

#include <odt/core/target.hpp>
#include <odt/core/text.hpp>
#include <odt/dataset/claims.hpp>

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <utility>

namespace odt::detail::convert {

/// The labels of one picture that are left out, and why; empty for the one that stays.
ODT_INLINE std::vector<std::string> reasons(const std::vector<const pending*>& claims) {
  const auto best = std::ranges::min_element(claims, {}, &pending::rank);
  const bool sure = std::ranges::count(claims, (*best)->rank, &pending::rank) == 1;
  std::vector<std::string> texts;
  for (const pending* claim : claims) {
    std::vector<std::string> others;
    for (const pending* other : claims)
      if (other != claim) others.push_back(other->labels.place);
    if (!sure)
      texts.push_back(str(claim->labels.place, ": claims ", claim->picture, ", and so does ", join(others, ", "),
                          "; keep the right one"));
    else if (claim == *best)
      texts.emplace_back();
    else
      texts.push_back(str(claim->labels.place, ": claims ", claim->picture, ", which ", (*best)->labels.place,
                          " has by a closer name"));
  }
  return texts;
}

ODT_INLINE bool same_labels(const pending& a, const pending& b) {
  return a.labels.path == b.labels.path && a.labels.place == b.labels.place;
}

ODT_INLINE void settle_claims(std::vector<pending_set>& sets, convert_report& report) {
  std::map<std::string, std::vector<const pending*>> claims;  // by picture; each label once
  std::map<std::string, std::set<std::string>> where;         // the sets of each picture
  for (const pending_set& set : sets)
    for (const pending& picture : set.pictures) {
      std::vector<const pending*>& known = claims[picture.picture];
      if (std::ranges::none_of(known, [&](const pending* other) { return same_labels(*other, picture); }))
        known.push_back(&picture);
      where[picture.picture].insert(set.name);
    }
  std::set<std::pair<std::string, std::string>> losers;
  for (const auto& [picture, known] : claims) {
    if (known.size() < 2) continue;
    const std::vector<std::string> texts = reasons(known);
    for (std::size_t i = 0; i < known.size(); ++i)
      if (!texts[i].empty()) {
        losers.emplace(known[i]->labels.path, known[i]->labels.place);
        report.problems.push_back({conversion_problem::picture_left_out, texts[i]});
      }
  }
  for (const auto& [picture, names] : where)
    if (names.size() > 1)
      report.problems.push_back({conversion_problem::guessed, str(picture, ": is in the sets ", join(names, " and "))});
  for (pending_set& set : sets) {
    std::set<std::string> taken;
    std::erase_if(set.pictures, [&](const pending& p) {
      if (losers.contains({p.labels.path, p.labels.place})) return true;
      if (taken.insert(p.picture).second) return false;
      report.problems.push_back({conversion_problem::guessed,
                                 str(p.labels.place, ": is listed more than once for ", set.name, "; taken once")});
      return true;
    });
  }
}

}  // namespace odt::detail::convert
