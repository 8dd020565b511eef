// SPDX-License-Identifier: MIT
// What people have decided about a photo.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace odt::labelling {

enum class photo_state : std::uint8_t {
  untouched,       ///< nobody has looked at it
  draft,           ///< has boxes, or had, that nobody has accepted
  accepted,        ///< its boxes are right, and there are no others: it is trained with
  verified_empty,  ///< accepted, and there is nothing in it
  rejected,        ///< of no use
  ignored,         ///< skipped for now
  flagged          ///< somebody else should look at it
};

inline constexpr std::array<std::string_view, 7> state_names{"untouched", "draft",   "accepted", "verified_empty",
                                                             "rejected",  "ignored", "flagged"};

constexpr std::string_view name_of(photo_state state) { return state_names[static_cast<std::size_t>(state)]; }

constexpr std::optional<photo_state> state_named(std::string_view name) {
  for (std::size_t i = 0; i < state_names.size(); ++i)
    if (state_names[i] == name) return static_cast<photo_state>(i);
  return std::nullopt;
}

/// Whether a detector is trained with it.
constexpr bool is_accepted(photo_state state) {
  return state == photo_state::accepted || state == photo_state::verified_empty;
}

}  // namespace odt::labelling
