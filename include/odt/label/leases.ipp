// SPDX-License-Identifier: MIT
#pragma once

#include <odt/core/target.hpp>
#include <odt/label/leases.hpp>

#include <algorithm>

namespace odt::labelling {

ODT_INLINE double lease::seconds_left() const {
  return std::max(0., std::chrono::duration<double>(end - std::chrono::steady_clock::now()).count());
}

ODT_INLINE lease leases::take(std::size_t photo, const annotator& who, bool by_force) {
  const auto now = std::chrono::steady_clock::now();
  const std::lock_guard lock(mutex_);
  lease& held = held_[photo];
  if (by_force || held.end <= now || held.holder.session == who.session) held = {who, now + duration_};
  return held;
}

ODT_INLINE void leases::release(std::size_t photo, const std::string& session) {
  const std::lock_guard lock(mutex_);
  if (const auto at = held_.find(photo); at != held_.end() && at->second.holder.session == session) held_.erase(at);
}

ODT_INLINE std::optional<lease> leases::of_others(std::size_t photo, const std::string& session) const {
  const std::lock_guard lock(mutex_);
  const auto at = held_.find(photo);
  if (at == held_.end() || at->second.holder.session == session) return std::nullopt;
  if (at->second.end <= std::chrono::steady_clock::now()) return std::nullopt;
  return at->second;
}

}  // namespace odt::labelling
